#include "bench/load/report.hpp"

#include <spdlog/fmt/fmt.h>

#include "net/program.hpp"

namespace inkfleet::load {
namespace {

using proto::Json;

constexpr const char* kRow = "{:>8} {:>6} {:>6} {:>6} {:>9} {:>9} {:>7}  {:>20}  {:>20}  {:>20}\n";

const char* name(Protocol protocol) {
  return protocol == Protocol::kInkfleet ? "inkfleet" : "llama";
}

const char* name(ArrivalProcess arrivals) {
  return arrivals == ArrivalProcess::kPoisson ? "poisson" : "uniform";
}

std::string arrivals_of(const Options& options) {
  if (options.closed > 0) return fmt::format("{} requests kept running", options.closed);
  return fmt::format("{} arrivals", name(options.arrivals));
}

std::string for_people(const std::optional<Percentiles>& times) {
  return times ? fmt::format("{:.0f} / {:.0f} / {:.0f}", times->p50, times->p95, times->p99) : "-";
}

Json for_scripts(const std::optional<Percentiles>& times) {
  if (!times) return nullptr;
  return {{"count", times->count}, {"p50", times->p50}, {"p95", times->p95}, {"p99", times->p99}};
}

Json to_json(const StepReport& step) {
  return {{"rate", step.rate},
          {"sent", step.sent},
          {"completed", step.completed},
          {"errors", step.errors},
          {"first_token_ms", for_scripts(step.first_token)},
          {"inter_token_ms", for_scripts(step.inter_token)},
          {"request_ms", for_scripts(step.whole)},
          {"refused_ms", for_scripts(step.refused)},
          {"goodput_per_s", step.goodput_per_s},
          {"tokens_per_s", step.tokens_per_s},
          {"prompt_tokens", step.prompt_tokens},
          {"cached_tokens", step.cached_tokens},
          {"completion_tokens", step.completion_tokens},
          {"cached_share", step.cached_share()},
          {"client",
           {{"late", step.late}, {"worst_late_ms", step.worst_late}, {"fell_behind", step.fell_behind()}}}};
}

}  // namespace

std::string describe(const Options& options) {
  return fmt::format(
      "{}: {}, {} s each after {} s of warm-up; prompts of {} characters, {} suggestions of {} "
      "tokens; "
      "goodput: first token within {} ms\n",
      options.url, arrivals_of(options), options.duration_s, options.warmup_s, options.prompt_chars,
      options.shape.n, options.shape.max_tokens, options.slo_first_token.count());
}

std::string table_head() {
  return fmt::format("{:>58}  {:^66}\n", "", "milliseconds from the scheduled arrival: p50 / p95 / p99") +
         fmt::format(kRow, "rate/s", "sent", "done", "failed", "goodput/s", "tokens/s", "cached",
                     "first token", "between tokens", "whole request");
}

std::string table_row(const StepReport& step) {
  return fmt::format(kRow, fmt::format("{:g}", step.rate), step.sent, step.completed, step.failed(),
                     fmt::format("{:.2f}", step.goodput_per_s), fmt::format("{:.1f}", step.tokens_per_s),
                     fmt::format("{:.0f}%", step.cached_share() * 100), for_people(step.first_token),
                     for_people(step.inter_token), for_people(step.whole));
}

std::string error_line(const StepReport& step) {
  std::string line;
  for (const auto& [code, count] : step.errors) {
    line += fmt::format("{}{} {}", line.empty() ? "         failed: " : ", ", count, code);
  }
  return line.empty() ? line : line + "\n";
}

std::string warning(const StepReport& step) {
  if (!step.fell_behind()) return {};
  return fmt::format(
      "warning: at rate {:g} this client fell behind its schedule: {} of {} requests were sent more than {} "
      "ms "
      "late, the worst {:.0f} ms; its figures include that, give it more CPU\n",
      step.rate, step.late, step.sent, Measurement::kLate.count(), step.worst_late);
}

Json to_json(const Options& options, std::span<const StepReport> steps) {
  Json list = Json::array();
  for (const StepReport& step : steps) list.push_back(to_json(step));
  return {{"program", "inkfleet-bench"},
          {"version", net::version()},
          {"url", options.url},
          {"protocol", name(options.protocol)},
          {"arrivals", name(options.arrivals)},
          {"closed", options.closed},
          {"duration_s", options.duration_s},
          {"warmup_s", options.warmup_s},
          {"connections", options.connections},
          {"prompt_chars", options.prompt_chars},
          {"n", options.shape.n},
          {"max_tokens", options.shape.max_tokens},
          {"temperature", options.shape.temperature},
          {"top_k", options.shape.top_k},
          {"seed", options.seed},
          {"deadline_ms", options.deadline.count()},
          {"slo_first_token_ms", options.slo_first_token.count()},
          {"steps", std::move(list)}};
}

}  // namespace inkfleet::load
