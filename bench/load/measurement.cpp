#include "bench/load/measurement.hpp"

#include <algorithm>
#include <cassert>

namespace inkfleet::load {
namespace {

double milliseconds(Clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

}  // namespace

double StepReport::cached_share() const {
  return prompt_tokens == 0 ? 0 : static_cast<double>(cached_tokens) / static_cast<double>(prompt_tokens);
}

void Measurement::on_sent(std::uint64_t number, Clock::time_point scheduled, Clock::time_point now) {
  const bool measured = in_window(scheduled);
  live_[number] = {.scheduled = scheduled, .measured = measured};
  if (!measured) return;
  ++counts_.sent;
  if (now - scheduled > kLate) ++counts_.late;
  counts_.worst_late = std::max(counts_.worst_late, milliseconds(now - scheduled));
}

void Measurement::on_tokens(std::uint64_t number, int suggestion, int tokens, Clock::time_point now) {
  if (in_window(now)) tokens_in_window_ += static_cast<std::size_t>(tokens);
  Request& request = live_.at(number);
  if (!request.measured) return;
  if (!request.first_token) {
    request.first_token = now;
    first_token_.push_back(milliseconds(now - request.scheduled));
  }
  const auto [last, is_first] = request.last_piece.try_emplace(suggestion, now);
  if (!is_first) inter_token_.push_back(milliseconds(now - last->second));
  last->second = now;
}

void Measurement::on_completed(std::uint64_t number, const proto::Usage& usage, Clock::time_point now) {
  const Request request = std::move(live_.extract(number).mapped());
  if (!request.measured) return;
  ++counts_.completed;
  counts_.prompt_tokens += usage.prompt_tokens;
  counts_.cached_tokens += usage.cached_tokens;
  counts_.completion_tokens += usage.completion_tokens;
  whole_.push_back(milliseconds(now - request.scheduled));
  if (request.first_token && *request.first_token - request.scheduled <= slo_) ++in_time_;
}

void Measurement::on_failed(std::uint64_t number, std::string_view code, Clock::time_point now) {
  const Request request = std::move(live_.extract(number).mapped());
  if (!request.measured) return;
  ++counts_.errors[std::string(code)];
  if (code == "overloaded") refused_.push_back(milliseconds(now - request.scheduled));
}

StepReport Measurement::report(double rate) const {
  assert(live_.empty());
  const double seconds = std::chrono::duration<double>(window_.end - window_.begin).count();
  StepReport report = counts_;
  report.rate = rate;
  report.first_token = percentiles(first_token_);
  report.inter_token = percentiles(inter_token_);
  report.whole = percentiles(whole_);
  report.refused = percentiles(refused_);
  report.goodput_per_s = static_cast<double>(in_time_) / seconds;
  report.tokens_per_s = static_cast<double>(tokens_in_window_) / seconds;
  return report;
}

}  // namespace inkfleet::load
