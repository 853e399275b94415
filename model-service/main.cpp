// inkfleet-model: serves one GPT-2 over WebSocket.

#include <spdlog/spdlog.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>

#include "model-service/device_probe.hpp"
#include "model-service/engine_host.hpp"
#include "model-service/faults/faulty_device.hpp"
#include "model-service/lifecycle.hpp"
#include "model-service/service/service_app.hpp"
#include "net/address.hpp"
#include "net/http_server.hpp"
#include "net/program.hpp"
#include "net/spawn.hpp"

namespace inkfleet::service {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr auto kTeardown = 2s;

struct ServiceFlags {
  ModelFlags model;
  int max_queue = static_cast<int>(proto::limits::kQueuedRequests);
  int drain_seconds = 30;
  int max_step_ms = static_cast<int>(engine::SchedulerOptions{}.step_time.count());
  int step_limit_ms = static_cast<int>(health::Limits{}.step.count());
  int probe_deadline_ms = static_cast<int>(health::Limits{}.probe.count());
  int wait_limit_ms = static_cast<int>(ServiceAppOptions{}.wait_limit.count());
  std::string prefix_cache = "on";
  bool faults = false;

  void add_to(CLI::App& cli);
  [[nodiscard]] health::Limits limits() const {
    return {.probe = milliseconds(probe_deadline_ms), .step = milliseconds(step_limit_ms)};
  }
};

void ServiceFlags::add_to(CLI::App& cli) {
  model.add_to(cli);
  const auto count = [&cli](const char* name, int& value, int least, int most, const char* meaning) {
    cli.add_option(name, value, meaning)->check(CLI::Range(least, most))->capture_default_str();
  };
  cli.add_option("--name", model.name, "The model's name: its URL suffix, without the slash")->required();
  count("--max-queue", max_queue, 1, 1'000'000, "Requests that may wait; beyond, they are refused at once");
  count("--drain-seconds", drain_seconds, 0, 86'400,
        "How long running requests may take to finish on SIGTERM");
  count("--max-step-ms", max_step_ms, 10, 60'000, "How long a step of the model is let to be, about");
  count("--step-limit-ms", step_limit_ms, 100, 600'000, "A step that takes longer is a hung engine");
  count("--probe-deadline-ms", probe_deadline_ms, 100, 600'000,
        "A probe that takes longer to answer is a hung device");
  count("--wait-limit-ms", wait_limit_ms, 1, 600'000, "The expected wait at which inkfleet_saturation is 1");
  cli.add_option("--prefix-cache", prefix_cache, "Reuse keys and values of equal beginnings of texts")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
  cli.add_flag("--faults", faults, "Let faults be ordered at POST /faults, on loopback; for tests only");
}

// A step that is let to be long must never look like a hang.
void check_limits(const ServiceFlags& flags) {
  if (flags.step_limit_ms >= 2 * flags.max_step_ms) return;
  throw std::runtime_error("--step-limit-ms is " + std::to_string(flags.step_limit_ms) +
                           ", --max-step-ms is " + std::to_string(flags.max_step_ms) +
                           ": a healthy step would look hung; make the limit at least twice as long");
}

void serve(const net::CommonFlags& flags, const ServiceFlags& own) {
  check_limits(own);
  TeardownLimit teardown;
  net::Metrics metrics;
  ServiceMetrics service_metrics(metrics);
  ServiceState state;
  state.name = own.model.name;
  faults::Faults ordered;
  faults::Faults* const faults = own.faults ? &ordered : nullptr;

  health::ErrorLatch errors;
  const auto on_device_error = [&](const health::DeviceError& error) {
    errors.see(error);
    service_metrics.on_device_error(error);
  };
  auto probe = device_probe(own.model.device, milliseconds(own.probe_deadline_ms));
  if (faults != nullptr) probe = faults::faulty_probe(std::move(probe), *faults);
  const health::Prober prober(std::move(probe), health::kProbeInterval, on_device_error);
  const ServiceHealth service_health(state, prober, errors, own.limits());
  ServiceApp app(state, service_health, metrics, service_metrics,
                 {.wait_limit = milliseconds(own.wait_limit_ms),
                  .faults = faults,
                  .admin_address = !flags.admin_listen.empty()});
  ServiceAdmin admin_app(app);

  asio::io_context io(1);
  net::HttpServer server(io.get_executor(), app,
                         {.connection = {.frame_limit = proto::limits::kServiceFrameBytes}});
  std::optional<net::HttpServer> admin;
  if (!flags.admin_listen.empty()) {
    admin.emplace(io.get_executor(), admin_app);
    const auto address = admin->listen(net::parse_endpoint("--admin-listen", flags.admin_listen));
    spdlog::info("admin on {}", net::to_string(address));
  }
  net::announce_listening(server.listen(net::parse_endpoint("--listen", flags.listen)));

  const EngineHost host(io.get_executor(), own.model,
                        {.scheduler = {.max_queue = own.max_queue,
                                       .step_time = milliseconds(own.max_step_ms),
                                       .prefix_cache = own.prefix_cache == "on"},
                         .on_ready = net::announce_ready,
                         .on_device_error = on_device_error,
                         .faults = faults},
                        state, service_metrics);
  const auto run_along = [&](const char* name, asio::awaitable<void> work) {
    net::spawn(io.get_executor(), name, std::move(work), net::OnFailure::kEndProgram);
  };
  run_along("drain", drain_when_told(io, state, server, std::chrono::seconds(own.drain_seconds)));
  run_along("device watch", end_when_device_is_lost(errors, state));
  if (faults != nullptr) run_along("faults", warn_of_faults());
  io.run();
  teardown.begin(kTeardown);
}

}  // namespace
}  // namespace inkfleet::service

int main(int argc, char** argv) {
  using namespace inkfleet;
  net::Program program("inkfleet-model", "Serves one GPT-2 model over WebSocket.");
  program.flags().listen = "127.0.0.1:9001";
  service::ServiceFlags flags;
  flags.add_to(program.cli());
  return program.run(argc, argv, [&] { service::serve(program.flags(), flags); });
}
