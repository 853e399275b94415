// Faults made on purpose: how soon the service's own means see them.

#include <optional>

#include "bench/gpu/service.hpp"
#include "model-service/health/cuda_probe.hpp"
#include "model-service/health/prober.hpp"
#include "model-service/health/verdict.hpp"

namespace inkfleet::figures {
namespace {

using namespace std::chrono_literals;

constexpr auto kGiveUp = 10s;
constexpr auto kLook = 1ms;

/// Seconds from the fault's order until `seen` is.
template <typename Seen>
std::optional<double> time_until(Service& service, const Options& options, FaultyGpu::Fault fault,
                                 Seen seen) {
  service.submit(options.scaled(100), 1, options.scaled(40), Clock::now());
  service.wait(Clock::now() + kGiveUp);
  const auto start = Clock::now();
  service.order(fault);
  service.submit(options.scaled(100), 1, options.scaled(40), start);
  while (!seen()) {
    if (Clock::now() > start + kGiveUp) return std::nullopt;
    std::this_thread::sleep_for(kLook);
  }
  return seconds_since(start);
}

}  // namespace

Json measure_fault(const Options& options) {
  Service service(options);
  const auto seconds = time_until(service, options, FaultyGpu::Fault::kBreak,
                                  [&] { return service.errors().first() != nullptr; });
  Json found{{"device", service.device()}, {"latched_seconds", nullptr}};
  if (!seconds) return found;
  found["latched_seconds"] = *seconds;
  found["error"] = std::string(service.errors().first()->name);
  return found;
}

Json measure_spin(const Options& options) {
  Service service(options);
  const health::Limits limits;
  const health::Prober prober(health::load_cuda_probe(options.probe, limits.probe), health::kProbeInterval,
                              [](const health::DeviceError&) {});
  std::string check;
  const auto seconds = time_until(service, options, FaultyGpu::Fault::kSpin, [&] {
    const auto heartbeat = service.heartbeat();
    const auto verdict = health::judge({.probe = prober.report(),
                                        .engine_busy = heartbeat.busy,
                                        .last_step = heartbeat.last_beat,
                                        .fatal = service.errors().first()},
                                       limits, Clock::now());
    const auto* const failed = health::failed_check(verdict);
    if (failed != nullptr) check = failed->name;
    return failed != nullptr;
  });
  Json found{{"device", service.device()}, {"seen_seconds", nullptr}, {"check", check}};
  if (seconds) found["seen_seconds"] = *seconds;
  service.wait(Clock::now() + kGiveUp);
  return found;
}

}  // namespace inkfleet::figures
