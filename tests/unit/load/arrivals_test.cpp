#include "bench/load/arrivals.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <vector>

namespace inkfleet::load {
namespace {

using namespace std::chrono_literals;

std::vector<std::chrono::nanoseconds> draw(ArrivalProcess process, double rate, std::uint64_t seed,
                                           std::size_t count) {
  Arrivals arrivals(process, rate, seed);
  std::vector<std::chrono::nanoseconds> times(count);
  for (auto& time : times) time = arrivals.next();
  return times;
}

TEST(Arrivals, UniformOnesAreExact) {
  EXPECT_THAT(draw(ArrivalProcess::kUniform, 4, 9, 4), testing::ElementsAre(0ns, 250ms, 500ms, 750ms));
  // A third of a second is no binary fraction; a sum of gaps would have drifted by then.
  EXPECT_EQ(draw(ArrivalProcess::kUniform, 3, 9, 3'000'001).back(), 1'000'000s);
}

TEST(Arrivals, TheSeedDecides) {
  const auto times = draw(ArrivalProcess::kPoisson, 5, 1, 100);
  EXPECT_EQ(times, draw(ArrivalProcess::kPoisson, 5, 1, 100));
  EXPECT_NE(times, draw(ArrivalProcess::kPoisson, 5, 2, 100));
}

TEST(Arrivals, TheRateOnlyStretchesTime) {
  const auto slow = draw(ArrivalProcess::kPoisson, 1, 7, 1'000);
  const auto fast = draw(ArrivalProcess::kPoisson, 10, 7, 1'000);
  for (std::size_t i = 0; i < slow.size(); ++i) {
    ASSERT_NEAR(static_cast<double>(slow[i].count()), 10.0 * static_cast<double>(fast[i].count()), 10) << i;
  }
}

// Exponential gaps: mean and spread are both 1 / rate, and 1 - 1/e of the gaps are shorter than that. Bounds
// are five standard errors wide.
TEST(Arrivals, PoissonGapsAreExponential) {
  constexpr std::size_t kDraws = 200'000;
  constexpr double kRate = 20;
  const auto times = draw(ArrivalProcess::kPoisson, kRate, 3, kDraws);
  double sum = 0, squares = 0, before = 0;
  std::size_t shorter = 0;
  for (const auto time : times) {
    const double gap = std::chrono::duration<double>(time).count() * kRate - before;
    ASSERT_GE(gap, 0);
    before += gap;
    sum += gap;
    squares += gap * gap;
    if (gap < 1) ++shorter;
  }
  const double mean = sum / kDraws;
  EXPECT_NEAR(mean, 1, 5 / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws - mean * mean, 1, 5 * std::sqrt(8.0 / kDraws));
  EXPECT_NEAR(static_cast<double>(shorter) / kDraws, 1 - std::exp(-1), 5 * 0.5 / std::sqrt(kDraws));
}

}  // namespace
}  // namespace inkfleet::load
