#include "bench/load/load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace inkfleet::load {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

constexpr auto kBeyondDeadline = 10s;
constexpr auto kPoll = 5ms;
constexpr auto kRefill = 1ms;
constexpr auto kRedraw = 200ms;

Clock::duration seconds(double count) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count));
}

}  // namespace

asio::awaitable<StepReport> Load::run(double rate) {
  const auto begin = Clock::now();
  auto measurement = make_measurement(begin);
  net::ProgressBar bar(fmt::format("{} requests/s", rate), net::kMillisecondsAsSeconds);
  co_await (send_arrivals(measurement, rate, begin) && show(bar, begin));
  co_return co_await finish(measurement, rate);
}

asio::awaitable<StepReport> Load::run_closed(std::size_t live) {
  const auto begin = Clock::now();
  auto measurement = make_measurement(begin);
  net::ProgressBar bar(fmt::format("{} requests at once", live), net::kMillisecondsAsSeconds);
  co_await (keep_running(measurement, live, begin) && show(bar, begin));
  co_return co_await finish(measurement, 0);
}

asio::awaitable<void> Load::keep_running(Measurement& measurement, std::size_t live,
                                         Clock::time_point begin) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  while (Clock::now() < end_of_arrivals(begin)) {
    while (measurement.live() < live) send(measurement, Clock::now());
    pause.expires_after(kRefill);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

asio::awaitable<void> Load::show(net::ProgressBar& bar, Clock::time_point begin) const {
  const auto milliseconds = [](Clock::duration time) {
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
  };
  const auto end = end_of_arrivals(begin);
  asio::steady_timer pause(co_await asio::this_coro::executor);
  while (bar.visible() && Clock::now() < end) {
    pause.expires_at(std::min(Clock::now() + kRedraw, end));
    co_await pause.async_wait(asio::use_awaitable);
    bar.update(milliseconds(Clock::now() - begin), milliseconds(end - begin));
  }
}

Measurement Load::make_measurement(Clock::time_point begin) const {
  return {{begin + seconds(options_.warmup_s), end_of_arrivals(begin)}, options_.slo_first_token};
}

Clock::time_point Load::end_of_arrivals(Clock::time_point begin) const {
  return begin + seconds(options_.warmup_s) + seconds(options_.duration_s);
}

void Load::send(Measurement& measurement, Clock::time_point scheduled) {
  auto request = make_request(scheduled);
  measurement.on_sent(request.number, scheduled, Clock::now());
  driver_.send(std::move(request), measurement);
}

asio::awaitable<StepReport> Load::finish(Measurement& measurement, double rate) {
  co_await wait_for_answers(measurement);
  driver_.abandon("no_answer");
  co_return measurement.report(rate);
}

asio::awaitable<void> Load::send_arrivals(Measurement& measurement, double rate, Clock::time_point begin) {
  const auto end = end_of_arrivals(begin);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  Arrivals arrivals(options_.arrivals, rate, options_.seed + steps_++);
  for (auto at = begin + arrivals.next(); at < end; at = begin + arrivals.next()) {
    timer.expires_at(at);
    co_await timer.async_wait(asio::use_awaitable);
    send(measurement, at);
  }
  timer.expires_at(end);  // tokens are counted up to here, also if nothing more arrives
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> Load::wait_for_answers(const Measurement& measurement) {
  const auto end = Clock::now() + options_.deadline + kBeyondDeadline;
  asio::steady_timer pause(co_await asio::this_coro::executor);
  while (measurement.live() > 0 && Clock::now() < end) {
    pause.expires_after(kPoll);
    co_await pause.async_wait(asio::use_awaitable);
  }
}

LoadRequest Load::make_request(Clock::time_point scheduled) {
  const auto number = next_number_++;
  return {.number = number,
          .prompt = prompts_.next(),
          .seed = options_.seed + number,
          .deadline = scheduled + options_.deadline};
}

}  // namespace inkfleet::load
