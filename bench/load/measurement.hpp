#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "bench/load/driver.hpp"
#include "bench/load/percentiles.hpp"

namespace inkfleet::load {

/// What was measured at one rate. Times are milliseconds, and count from a request's scheduled arrival.
struct StepReport {
  double rate = 0;  ///< asked for, requests a second
  std::size_t sent = 0;
  std::size_t completed = 0;
  std::map<std::string, std::size_t> errors;  ///< by code; sent = completed + their sum
  std::optional<Percentiles> first_token;     ///< of every request that had one
  std::optional<Percentiles> inter_token;     ///< between two pieces of one suggestion
  std::optional<Percentiles> whole;           ///< of completed requests
  std::optional<Percentiles> refused;         ///< of requests that were answered `overloaded`
  double goodput_per_s = 0;                   ///< completed, and the first token came in time
  double tokens_per_s = 0;                    ///< that arrived within the window, of whatever request
  std::int64_t prompt_tokens = 0;
  std::int64_t cached_tokens = 0;
  std::int64_t completion_tokens = 0;  ///< of completed requests
  std::size_t late = 0;                ///< sent more than kLate behind the schedule
  double worst_late = 0;

  std::size_t failed() const { return sent - completed; }
  double cached_share() const;
  /// The client itself could not keep its schedule: more than one request in a hundred was late.
  bool fell_behind() const { return late * 100 > sent; }
};

/// Collects what is measured of the requests that were scheduled within a window. No clock and no sockets:
/// all times are passed in.
class Measurement : public DriverEvents {
 public:
  static constexpr std::chrono::milliseconds kLate{10};

  struct Window {
    Clock::time_point begin, end;
  };

  /// `slo`: the first token counts as in time up to this long after the scheduled arrival.
  Measurement(Window window, std::chrono::milliseconds slo) : window_(window), slo_(slo) {}

  void on_sent(std::uint64_t number, Clock::time_point scheduled, Clock::time_point now);
  void on_tokens(std::uint64_t number, int suggestion, int tokens, Clock::time_point now) override;
  void on_completed(std::uint64_t number, const proto::Usage& usage, Clock::time_point now) override;
  void on_failed(std::uint64_t number, std::string_view code, Clock::time_point now) override;

  /// Requests that have not ended.
  std::size_t live() const { return live_.size(); }

  /// Call it once nothing is live.
  StepReport report(double rate) const;

 private:
  struct Request {
    Clock::time_point scheduled;
    bool measured = false;
    std::optional<Clock::time_point> first_token;
    std::map<int, Clock::time_point> last_piece;  // by suggestion
  };

  bool in_window(Clock::time_point time) const { return time >= window_.begin && time < window_.end; }

  Window window_;
  std::chrono::milliseconds slo_;
  std::unordered_map<std::uint64_t, Request> live_;
  StepReport counts_;
  std::size_t in_time_ = 0;
  std::size_t tokens_in_window_ = 0;
  std::vector<double> first_token_, inter_token_, whole_, refused_;
};

}  // namespace inkfleet::load
