// Threads that share the items of one stage after another.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <vector>

#include "model-service/gpt2/team.hpp"

namespace inkfleet::gpt2 {
namespace {

class TeamTest : public ::testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(Threads, TeamTest, ::testing::Values(1, 2, 3, 5));

// Turns red when: a thief and the owner may take the same last item; a stage begins before all threads have
// ended the one before; the ranges of two stages are the same memory.
TEST_P(TeamTest, DoesEachItemOfEachStageOnceAndInTheStagesOrder) {
  constexpr int kStages = 400;
  constexpr int kMostItems = 37;
  Team team(GetParam());
  std::vector<std::atomic<int>> done(kStages * kMostItems);
  std::atomic<int> early{0};
  team.run([&](Team::Worker& worker) {
    for (int stage = 0; stage < kStages; ++stage) {
      worker.share(stage % (kMostItems + 1), [&](int item) {
        ++done[stage * kMostItems + item];
        if (stage == 0) return;
        for (int before = 0; before < (stage - 1) % (kMostItems + 1); ++before) {
          if (done[(stage - 1) * kMostItems + before] != 1) ++early;
        }
      });
    }
  });
  EXPECT_EQ(early, 0);
  for (int stage = 0; stage < kStages; ++stage) {
    for (int item = 0; item < kMostItems; ++item) {
      EXPECT_EQ(done[stage * kMostItems + item], item < stage % (kMostItems + 1) ? 1 : 0)
          << stage << " " << item;
    }
  }
}

// Turns red when: ThreadSanitizer runs it and the barrier's fetch_add or its load is relaxed.
TEST_P(TeamTest, SeesWhatTheStageBeforeWrote) {
  constexpr int kStages = 200;
  constexpr int kItems = 37;
  Team team(GetParam());
  std::vector<int> even(kItems), odd(kItems);
  team.run([&](Team::Worker& worker) {
    for (int stage = 0; stage < kStages; ++stage) {
      const auto& read = stage % 2 == 0 ? even : odd;
      auto& written = stage % 2 == 0 ? odd : even;
      worker.share(kItems, [&](int item) { written[item] = read[item * 7 % kItems] + 1; });
    }
  });
  EXPECT_EQ(even, std::vector<int>(kItems, kStages));
}

// Turns red when: what a slow thread has not begun is left to it.
TEST(Team, TakesOverWhatASlowThreadHasNotBegun) {
  Team team(2);
  std::atomic<int> by_other{0};
  std::atomic<bool> other_is_through{false};
  team.run([&](Team::Worker& worker) {
    worker.share(100, [&](int item) {
      if (worker.rank() == 1 && item < 50) ++by_other;
      // The first thread's first item takes until the other one has nothing left to do.
      if (worker.rank() == 0 && item == 0) {
        while (!other_is_through) {
        }
      }
      if (worker.rank() == 1 && by_other == 25) other_is_through = true;
    });
  });
  EXPECT_EQ(by_other, 25);
}

// Turns red when: a run begins with ranges that the run before has left.
TEST(Team, RunsAgain) {
  Team team(3);
  for (int run = 0; run < 50; ++run) {
    std::vector<int> items(run);  // not atomic: the end of a run orders what was done in it
    team.run([&](Team::Worker& worker) { worker.share(run, [&](int item) { ++items[item]; }); });
    EXPECT_EQ(items, std::vector<int>(run, 1));
  }
}

}  // namespace
}  // namespace inkfleet::gpt2
