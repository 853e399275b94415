#include "net/progress_bar.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace inkfleet::net {
namespace {

constexpr std::uint64_t kMiB = 1U << 20U;

std::string loading(std::uint64_t done, std::uint64_t total, int width) {
  return progress_line("loading", done, total, kBytesAsMegabytes, width);
}

// Deliberate break: the figures' width left out of the room for the bar.
TEST(ProgressLine, FillsTheTerminalAndNoMore) {
  EXPECT_EQ(loading(0, 200 * kMiB, 49), "loading [                    ]   0%  0 of 200 MB");
  EXPECT_EQ(loading(100 * kMiB, 200 * kMiB, 51), "loading [==========          ]  50%  100 of 200 MB");
  for (int width = 0; width < 120; ++width) {
    EXPECT_LT(loading(200 * kMiB, 200 * kMiB, width).size(), std::max(width, 1));
  }
}

TEST(ProgressLine, LeavesTheBarOutWhereThereIsNoRoom) {
  EXPECT_EQ(loading(1 * kMiB, 2 * kMiB, 30), "loading  50%  1 of 2 MB");
}

TEST(ProgressLine, CountsWhatItIsTold) {
  EXPECT_EQ(progress_line("4 requests/s", 15'400, 30'000, kMillisecondsAsSeconds, 50),
            "4 requests/s [========         ]  51%  15 of 30 s");
}

// Deliberate break: done not limited by the total.
TEST(ProgressLine, EndsAtAHundred) {
  EXPECT_EQ(progress_line("x", 5 * kMiB, 2 * kMiB, kBytesAsMegabytes, 10), "x 100%  2");
  EXPECT_EQ(progress_line("x", 0, 0, kBytesAsMegabytes, 20), "x   0%  0 of 0 MB");
}

}  // namespace
}  // namespace inkfleet::net
