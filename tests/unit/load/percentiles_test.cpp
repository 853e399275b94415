#include "bench/load/percentiles.hpp"

#include <gtest/gtest.h>

#include <numeric>

namespace inkfleet::load {
namespace {

std::vector<double> one_to(std::size_t last) {
  std::vector<double> values(last);
  std::iota(values.begin(), values.end(), 1);
  return values;
}

// Wikipedia's example of the nearest-rank method, "Percentile".
TEST(Percentiles, AreThoseOfTheTextbook) {
  const std::vector<double> ages{15, 20, 35, 40, 50};
  EXPECT_EQ(percentile(ages, 5), 15);
  EXPECT_EQ(percentile(ages, 30), 20);
  EXPECT_EQ(percentile(ages, 40), 20);
  EXPECT_EQ(percentile(ages, 50), 35);
  EXPECT_EQ(percentile(ages, 100), 50);
}

TEST(Percentiles, AreExactWhereTheRankIsWhole) {
  for (std::size_t percent = 1; percent <= 100; ++percent) {
    EXPECT_EQ(percentile(one_to(100), percent), percent);
    EXPECT_EQ(percentile(one_to(1'000), percent), 10 * percent);
  }
}

TEST(Percentiles, OfFewSamplesAreTheLargest) {
  EXPECT_EQ(percentile({7}, 1), 7);
  EXPECT_EQ(percentile(one_to(19), 95), 19);
  EXPECT_EQ(percentile(one_to(20), 95), 19);
  EXPECT_EQ(percentile(one_to(99), 99), 99);
}

TEST(Percentiles, SortFirst) {
  const auto all = percentiles({3, 1, 2});
  ASSERT_TRUE(all);
  EXPECT_EQ(all->count, 3U);
  EXPECT_EQ(all->p50, 2);
  EXPECT_EQ(all->p95, 3);
  EXPECT_EQ(all->p99, 3);
  EXPECT_FALSE(percentiles({}));
}

}  // namespace
}  // namespace inkfleet::load
