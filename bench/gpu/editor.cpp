// One request at a time, as a single editor asks.

#include "bench/gpu/service.hpp"

namespace inkfleet::figures {
namespace {

constexpr int kPromptTokens = 100;
constexpr int kMaxTokens = 40;
constexpr int kWarmRequests = 3;
constexpr int kRequests = 15;

/// Each with a prompt of its own: nothing comes from the prefix cache.
Json measure(Service& service, const Options& options, int n, Clock::time_point end) {
  const auto one = [&] {
    service.submit(options.scaled(kPromptTokens), n, options.scaled(kMaxTokens), Clock::now());
    return service.wait(end);
  };
  for (int i = 0; i < options.scaled(kWarmRequests); ++i) one();
  service.take();
  for (int i = 0; i < options.scaled(kRequests) && one(); ++i) continue;
  const auto outcome = service.take();
  if (outcome.request.empty()) throw std::runtime_error("no request of n = " + std::to_string(n) + " ended");
  return {{"n", n},
          {"requests", outcome.request.size()},
          {"request_ms", median(outcome.request) * 1e3},
          {"first_token_ms", median(outcome.first_token) * 1e3}};
}

}  // namespace

Json measure_editor(const Options& options) {
  Service service(options);
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(options.seconds);
  Json found{{"device", service.device()}, {"dtype", options.dtype}, {"requests", Json::array()}};
  for (const int n : {1, 5, 8}) found["requests"].push_back(measure(service, options, n, end));
  return found;
}

}  // namespace inkfleet::figures
