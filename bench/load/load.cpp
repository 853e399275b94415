#include "bench/load/load.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace inkfleet::load {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto kBeyondDeadline = 10s;
constexpr auto kPoll = 5ms;

Clock::duration seconds(double count) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(count));
}

}  // namespace

asio::awaitable<StepReport> Load::run(double rate) {
  const auto begin = Clock::now();
  const auto measured_from = begin + seconds(options_.warmup_s);
  Measurement measurement({measured_from, measured_from + seconds(options_.duration_s)},
                          options_.slo_first_token);
  co_await send_arrivals(measurement, rate, begin);
  co_await wait_for_answers(measurement);
  driver_.abandon("no_answer");
  co_return measurement.report(rate);
}

asio::awaitable<void> Load::send_arrivals(Measurement& measurement, double rate, Clock::time_point begin) {
  const auto end = seconds(options_.warmup_s) + seconds(options_.duration_s);
  asio::steady_timer timer(co_await asio::this_coro::executor);
  Arrivals arrivals(options_.arrivals, rate, options_.seed + steps_++);
  for (auto offset = arrivals.next(); offset < end; offset = arrivals.next()) {
    timer.expires_at(begin + offset);
    co_await timer.async_wait(asio::use_awaitable);
    auto request = make_request(begin + offset);
    measurement.on_sent(request.number, begin + offset, Clock::now());
    driver_.send(std::move(request), measurement);
  }
  timer.expires_at(begin + end);  // tokens are counted up to here, also if nothing more arrives
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
