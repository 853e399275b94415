#include <gmock/gmock.h>

#include "model-service/engine/places.hpp"
#include "tests/unit/engine/fakes.hpp"

namespace inkfleet::engine::testing {
namespace {

using namespace std::chrono_literals;

TEST(Places, AreFreeUntilTheyAreTaken) {
  Places places(3);
  EXPECT_EQ(places.free_in(3), 0);
  places.take(10);
  EXPECT_EQ(places.free_in(2), 0);
  EXPECT_EQ(places.free_in(3), 10);
}

// By hand: two places until 10 and 4; 6 and 8 more tokens put both off by 7.
TEST(Places, WhatWaitsPutsOffAllEnds) {
  Places places(2);
  for (const int tokens : {10, 4, 6, 8}) places.take(tokens);
  EXPECT_EQ(places.free_in(1), 4 + 7);
  EXPECT_EQ(places.free_in(2), 10 + 7);
}

TEST(Places, WhatIsBesideThemMustEndFirst) {
  Places places(1);
  places.hold(5);
  places.hold(8);
  EXPECT_EQ(places.free_in(1), 8);
}

TEST(Places, MoreSuggestionsThanPlacesTakeTurns) {
  Places places(2);
  places.take(6);
  EXPECT_EQ(places.free_in(32), 6);
}

// What a full scheduler foretells comes true: a step is a millisecond here.
// Deliberate break: count the suggestions that run alone in Scheduler::places().
TEST(Places, TheSchedulerKnowsWhenARequestWillHaveEnded) {
  Bench bench(Bench::default_shape(), {.max_sequences = 4});
  for (const int tokens : {60, 30, 50}) bench.submit({.prompt = "a", .n = 2, .max_tokens = tokens});
  for (int i = 0; i < 10; ++i) bench.step();
  const auto load = bench.scheduler.load();
  EXPECT_EQ(load.token_time, 1ms);
  const auto needed = load.time_to_complete({.n = 2, .max_tokens = 20});
  const auto foretold = bench.now + needed;
  EXPECT_GT(needed, 60ms) << "it has to wait";
  const auto last = bench.submit({.prompt = "b", .n = 2, .max_tokens = 20});
  while (!bench.transcripts[last].ended()) bench.step();
  EXPECT_LE(std::chrono::abs(bench.now - foretold), needed / 10);
}

TEST(Places, AnIdleSchedulerForetellsNothingBad) {
  Bench bench;
  EXPECT_FALSE(bench.scheduler.load().must_wait({.n = 5}));
  bench.submit({.prompt = "a", .n = 5});
  bench.run();
  EXPECT_FALSE(bench.scheduler.load().must_wait({.n = 5}));
}

}  // namespace
}  // namespace inkfleet::engine::testing
