// Requests that come whatever became of those before, at rising rates, until the engine falls behind.

#include <random>

#include "bench/gpu/service.hpp"
#include "bench/load/arrivals.hpp"
#include "bench/load/percentiles.hpp"

namespace inkfleet::figures {
namespace {

constexpr int kPromptTokens = 100;
constexpr std::chrono::duration<double> kWarm{1.0};
constexpr std::chrono::duration<double> kMeasured{4.0};
constexpr std::chrono::seconds kPatience{4};  // for what is under way when arrivals end
constexpr double kFarTooLate = 0.4;           // p95 of the first token, from which no higher rate is tried

struct Kind {
  std::vector<double> rates;
  int prompt_tokens;
  int least_tokens;
  int most_tokens;
};

Json percentiles_ms(std::vector<double> seconds) {
  const auto found = load::percentiles(std::move(seconds));
  if (!found) return nullptr;
  return {{"p50", found->p50 * 1e3}, {"p95", found->p95 * 1e3}, {"p99", found->p99 * 1e3}};
}

/// Sends what arrives in that time.
int send(Service& service, const Kind& kind, double rate, std::chrono::duration<double> duration) {
  load::Arrivals arrivals(load::ArrivalProcess::kPoisson, rate, 1);
  std::mt19937_64 random(static_cast<std::uint64_t>(rate));
  std::uniform_int_distribution<int> tokens(kind.least_tokens, kind.most_tokens);
  const auto start = Clock::now();
  for (int sent = 0;; ++sent) {
    const auto after = arrivals.next();
    if (after > duration) return sent;
    std::this_thread::sleep_until(start + after);
    service.submit(kind.prompt_tokens, 1, tokens(random), start + after);
  }
}

Json measure(Service& service, const Kind& kind, double rate) {
  send(service, kind, rate, kWarm);
  service.take();
  const auto start = Clock::now();
  const int sent = send(service, kind, rate, kMeasured);
  const double lasted = seconds_since(start);
  auto outcome = service.take();
  const auto completed_in_time = static_cast<double>(outcome.request.size());
  const bool all_ended = service.wait(Clock::now() + kPatience);
  auto rest = service.take();
  const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  append(outcome.first_token, rest.first_token);
  append(outcome.request, rest.request);
  return {{"rate", rate},
          {"sent", sent},
          {"completed_per_second", completed_in_time / lasted},
          {"failed", outcome.failed + rest.failed},
          {"all_ended", all_ended},
          {"first_token_ms", percentiles_ms(outcome.first_token)},
          {"between_tokens_ms", percentiles_ms(outcome.gap)},
          {"request_ms", percentiles_ms(outcome.request)}};
}

Json measure_rates(const Options& options, const Kind& kind) {
  const auto start = Clock::now();
  Service service(options);
  Json found{{"device", service.device()}, {"dtype", options.dtype}, {"rates", Json::array()}};
  const double one = kWarm.count() + kMeasured.count() + std::chrono::duration<double>(kPatience).count();
  for (const double rate : kind.rates) {
    if (seconds_since(start) + one > options.seconds.count()) break;
    const auto& latest = found["rates"].emplace_back(measure(service, kind, rate / options.scale));
    const auto& first = latest["first_token_ms"];
    if (first.is_null() || first["p95"].get<double>() > kFarTooLate * 1e3) break;
    if (!latest["all_ended"].get<bool>()) break;
  }
  return found;
}

}  // namespace

Json measure_requests(const Options& options) {
  const int tokens = options.scaled(100);
  return measure_rates(options, {.rates = {50, 100, 200, 350, 500, 650, 800, 1000, 1250, 1500},
                                 .prompt_tokens = options.scaled(kPromptTokens),
                                 .least_tokens = tokens,
                                 .most_tokens = tokens});
}

// 50 to 100 words, at 1.3 tokens a word.
Json measure_article(const Options& options) {
  return measure_rates(options, {.rates = {10, 25, 50, 100, 200, 400, 600, 800},
                                 .prompt_tokens = options.scaled(kPromptTokens),
                                 .least_tokens = options.scaled(65),
                                 .most_tokens = options.scaled(130)});
}

}  // namespace inkfleet::figures
