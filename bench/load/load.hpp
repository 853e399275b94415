#pragma once

#include <boost/asio/awaitable.hpp>

#include "bench/load/driver.hpp"
#include "bench/load/measurement.hpp"
#include "bench/load/options.hpp"
#include "bench/load/prompts.hpp"
#include "net/progress_bar.hpp"

namespace inkfleet::load {

/// Drives one server after a schedule. Prompts and request numbers go on from one rate to the next, so that
/// no rate finds the prompts of the one before in the server's cache.
class Load {
 public:
  /// All three must outlive this.
  Load(Driver& driver, PromptSource& prompts, const Options& options)
      : driver_(driver), prompts_(prompts), options_(options) {}

  /// Sends what arrives at `rate` during warm-up and duration, then waits for the last answer, but not much
  /// beyond the last deadline: what is unanswered then has failed with "no_answer".
  boost::asio::awaitable<StepReport> run(double rate);

  /// The same with `live` requests running all the time: one that ends is followed by the next.
  boost::asio::awaitable<StepReport> run_closed(std::size_t live);

 private:
  Measurement make_measurement(Clock::time_point begin) const;
  Clock::time_point end_of_arrivals(Clock::time_point begin) const;
  void send(Measurement& measurement, Clock::time_point scheduled);
  boost::asio::awaitable<StepReport> finish(Measurement& measurement, double rate);
  boost::asio::awaitable<void> send_arrivals(Measurement& measurement, double rate, Clock::time_point begin);
  boost::asio::awaitable<void> keep_running(Measurement& measurement, std::size_t live,
                                            Clock::time_point begin);
  boost::asio::awaitable<void> show(net::ProgressBar& bar, Clock::time_point begin) const;
  boost::asio::awaitable<void> wait_for_answers(const Measurement& measurement);
  LoadRequest make_request(Clock::time_point scheduled);

  Driver& driver_;
  PromptSource& prompts_;
  const Options& options_;
  std::uint64_t next_number_ = 1;
  std::uint64_t steps_ = 0;
};

}  // namespace inkfleet::load
