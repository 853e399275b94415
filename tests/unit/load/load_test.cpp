#include "bench/load/load.hpp"

#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <set>
#include <utility>
#include <vector>

namespace inkfleet::load {
namespace {

using namespace std::chrono_literals;

/// Answers nothing before `awaited` requests are there, then all of them at once.
class Withholding : public Driver {
 public:
  explicit Withholding(std::size_t awaited) : awaited_(awaited) {}

  boost::asio::awaitable<void> open() override { co_return; }
  boost::asio::awaitable<void> close() override { co_return; }
  void abandon(std::string_view) override {}
  void send(LoadRequest request, DriverEvents& events) override {
    requests.push_back(std::move(request));
    if (requests.size() % awaited_ != 0) return;
    for (std::size_t i = requests.size() - awaited_; i < requests.size(); ++i) {
      events.on_completed(requests[i].number, {}, Clock::now());
    }
  }

  std::vector<LoadRequest> requests;

 private:
  std::size_t awaited_;
};

std::vector<StepReport> run(Driver& driver, const Options& options) {
  boost::asio::io_context io;
  std::string text;
  for (int i = 0; i < 1'000; ++i) text += std::to_string(i) + ' ';
  PromptSource prompts(text, 30, options.seed);
  Load load(driver, prompts, options);
  std::vector<StepReport> steps;
  const auto all = [](Load& load, const Options& options,
                      std::vector<StepReport>& steps) -> boost::asio::awaitable<void> {
    for (const double rate : options.rates) steps.push_back(co_await load.run(rate));
  };
  boost::asio::co_spawn(io, all(load, options, steps), [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  });
  io.run_for(30s);
  return steps;
}

// A client that waits for an answer before it goes on would never send the second request.
TEST(Load, ArrivalsDoNotWaitForAnswers) {
  Withholding driver(100);
  const auto steps =
      run(driver, {.rates = {1'000}, .arrivals = ArrivalProcess::kUniform, .duration_s = 0.1, .warmup_s = 0});
  ASSERT_EQ(steps.size(), 1U);
  EXPECT_EQ(steps[0].sent, 100U);
  EXPECT_EQ(steps[0].completed, 100U);
  // All answers came with the last arrival, 99 ms after the first: the median request waited half of that.
  EXPECT_GE(steps[0].whole.value().p99, 98);
  EXPECT_GE(steps[0].whole.value().p50, 49);
}

TEST(Load, EveryRequestIsAnotherOneAlsoOverRates) {
  Withholding driver(10);
  const auto steps = run(driver, {.rates = {200, 400},
                                  .arrivals = ArrivalProcess::kUniform,
                                  .duration_s = 0.05,
                                  .warmup_s = 0.05,
                                  .deadline = 5s});
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[0].sent, 10U) << "warm-up is not measured";
  EXPECT_EQ(steps[1].sent, 20U);
  ASSERT_EQ(driver.requests.size(), 60U);
  std::set<std::uint64_t> numbers, seeds;
  std::set<std::string> prompts;
  for (const auto& request : driver.requests) {
    numbers.insert(request.number);
    seeds.insert(request.seed);
    prompts.insert(request.prompt);
  }
  EXPECT_EQ(numbers.size(), 60U);
  EXPECT_EQ(seeds.size(), 60U);
  EXPECT_EQ(prompts.size(), 60U);
  EXPECT_EQ(driver.requests[1].deadline - driver.requests[0].deadline, 5ms) << "counts from the arrival";
}

}  // namespace
}  // namespace inkfleet::load
