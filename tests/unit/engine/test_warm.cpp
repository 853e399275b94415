#include "tests/unit/engine/fakes.hpp"

namespace inkfleet::engine::testing {
namespace {

using namespace std::chrono_literals;
using proto::ErrorCode;
using proto::FinishReason;
using ::testing::ElementsAre;

TEST(Prefill, ComputesATextOnceForTheRequestThatFollows) {
  Bench bench;
  const std::string text(50, 'x');
  const auto warm = bench.prefill(text);
  bench.run();
  ASSERT_EQ(bench.transcripts[warm].prefilled.size(), 1U);
  EXPECT_EQ(bench.transcripts[warm].prefilled[0].prompt_tokens, 50);
  EXPECT_EQ(bench.transcripts[warm].prefilled[0].cached_tokens, 0);
  EXPECT_EQ(bench.model.rows, 50);
  const auto key = bench.submit({.prompt = text, .max_tokens = 1});
  bench.run();
  // Break: don't learn in finish_warmup, and all 50 rows are computed again.
  EXPECT_EQ(bench.model.rows, 50 + 1);
  EXPECT_EQ(bench.transcripts[key].started[0].cached_tokens, 49);
}

TEST(Prefill, OfAKnownTextComputesNothing) {
  Bench bench;
  bench.prefill(std::string(48, 'x'));
  bench.run();
  const auto again = bench.prefill(std::string(48, 'x'));
  bench.step();
  EXPECT_EQ(bench.model.rows, 48);
  ASSERT_EQ(bench.transcripts[again].prefilled.size(), 1U);
  EXPECT_EQ(bench.transcripts[again].prefilled[0].cached_tokens, 48);
  EXPECT_TRUE(bench.scheduler.idle());
}

TEST(Prefill, TakesOnlyTheRowsThatRequestsLeave) {
  Bench bench(Bench::default_shape(), {.prefill_rows = 10, .prefill_burst = 10});
  const auto warm = bench.prefill(std::string(100, 'x'));
  bench.step();
  EXPECT_EQ(bench.model.rows, 10);
  const auto key = bench.submit({.prompt = std::string(30, 'y'), .max_tokens = 1});
  for (int i = 0; i < 3; ++i) bench.step();
  // Break: plan the warm-up before the prompts, and the request waits for it.
  EXPECT_TRUE(bench.transcripts[key].ended());
  EXPECT_EQ(bench.model.rows, 10 + 30);
  bench.run();
  EXPECT_EQ(bench.transcripts[warm].prefilled.size(), 1U);
}

TEST(Prefill, ThatIsAbandonedLeavesWhatItComputed) {
  Bench bench(Bench::default_shape(), {.prefill_rows = 20, .least_rows = 64});
  const auto warm = bench.prefill(std::string(100, 'x'));
  bench.step();
  bench.scheduler.abandon(warm, bench.scheduler.steps(), bench.now);
  EXPECT_TRUE(bench.scheduler.idle());
  EXPECT_EQ(bench.scheduler.load().blocks_used, 0);
  const auto key = bench.submit({.prompt = std::string(100, 'x'), .max_tokens = 1});
  bench.run();
  EXPECT_EQ(bench.transcripts[key].started[0].cached_tokens, 20);
  EXPECT_FALSE(bench.transcripts[warm].ended());
}

TEST(Prefill, GivesWayToARequestThatNeedsItsMemory) {
  auto shape = Bench::default_shape();
  shape.kv_blocks = 16;
  Bench bench(shape, {.prefill_rows = 8});
  const auto warm = bench.prefill(std::string(100, 'x'));
  bench.step();
  const auto key = bench.submit({.prompt = std::string(60, 'y'), .max_tokens = 4});
  bench.run();
  ASSERT_EQ(bench.transcripts[warm].errors.size(), 1U);
  EXPECT_EQ(bench.transcripts[warm].errors[0].code, ErrorCode::kOverloaded);
  EXPECT_EQ(bench.transcripts[warm].errors[0].frame, "prefill");
  EXPECT_FALSE(bench.transcripts[warm].errors[0].id.has_value());
  EXPECT_EQ(bench.transcripts[key].completed.size(), 1U);
  EXPECT_EQ(bench.scheduler.load().blocks_used, 0);
}

TEST(Prefill, BeyondTheQueueOrTooLateEndsInAnError) {
  Bench bench(Bench::default_shape(), {.max_queue = 1});
  const auto first = bench.prefill("one");
  const auto second = bench.prefill("two");
  ASSERT_EQ(bench.transcripts[second].errors.size(), 1U);
  EXPECT_EQ(bench.transcripts[second].errors[0].code, ErrorCode::kOverloaded);
  EXPECT_TRUE(bench.transcripts[second].errors[0].retry_after.has_value());
  bench.now += 60s;
  bench.run();
  ASSERT_EQ(bench.transcripts[first].errors.size(), 1U);
  EXPECT_EQ(bench.transcripts[first].errors[0].code, ErrorCode::kDeadline);
}

TEST(Prefill, EndsInAnErrorWhenTheStepFails) {
  Bench bench;
  const auto warm = bench.prefill("hello");
  const auto key = bench.submit({.prompt = "other", .max_tokens = 3});
  Events events;
  ASSERT_FALSE(bench.scheduler.plan(bench.now, events).empty());
  bench.scheduler.fail(ErrorCode::kInternal, "gone", events);
  bench.record(events);
  EXPECT_EQ(bench.transcripts[warm].errors.size(), 1U);
  EXPECT_EQ(bench.transcripts[key].errors.size(), 1U);
  EXPECT_TRUE(bench.scheduler.idle());
  EXPECT_EQ(bench.scheduler.load().blocks_used, 0);
}

TEST(Accept, OfALiveRequestStopsTheSiblingsWithinAStep) {
  Bench bench;
  const auto key = bench.submit({.prompt = "hello", .n = 5, .max_tokens = 20});
  for (int i = 0; i < 4; ++i) bench.step();
  bench.accept(key, 3, 2);
  const int before = bench.observer.decode_rows;
  bench.run();
  // Break: cancel nothing in accept(), and five rows a step go on.
  EXPECT_EQ(bench.observer.decode_rows - before, 20 - 4);
  for (const auto& [index, suggestion] : bench.transcripts[key].suggestions) {
    EXPECT_THAT(suggestion.finished,
                ElementsAre(index == 3 ? FinishReason::kLength : FinishReason::kCancelled));
  }
  EXPECT_EQ(bench.transcripts[key].completed.size(), 1U);
}

TEST(Accept, ATextTakenFromALiveSuggestionIsWarmAtOnce) {
  Bench bench;
  const auto key = bench.submit({.prompt = "hello", .n = 2, .max_tokens = 60});
  for (int i = 0; i < 20; ++i) bench.step();
  const auto taken = bench.transcripts[key].suggestions.at(1).text.substr(0, 12);
  bench.accept(key, 1, 12);
  const auto next = bench.submit({.prompt = "hello" + taken, .max_tokens = 30, .seed = 9});
  bench.step();
  EXPECT_EQ(bench.transcripts[next].started.at(0).cached_tokens, 5 + 12 - 1);
  bench.run();
  Bench cold;
  const auto alone = cold.submit({.prompt = "hello" + taken, .max_tokens = 30, .seed = 9});
  cold.run();
  EXPECT_EQ(bench.transcripts[next].suggestions.at(0).text, cold.transcripts[alone].suggestions.at(0).text);
}

// Memory for one text: the one that was accepted stays, a newer one goes.
TEST(Accept, OfACompletedRequestKeepsItsTextLongest) {
  auto shape = Bench::default_shape();
  shape.kv_blocks = 16;
  Bench bench(shape);
  const auto taken = bench.submit({.prompt = std::string(32, 'a'), .max_tokens = 9});
  bench.run();
  bench.submit({.prompt = std::string(32, 'b'), .max_tokens = 9});
  bench.run();
  bench.accept(taken, 0, 4);
  EXPECT_EQ(bench.transcripts[taken].completed.size(), 1U);
  bench.submit({.prompt = std::string(64, 'c'), .max_tokens = 1});  // takes what was used longest ago
  bench.run();
  const auto text = bench.transcripts[taken].suggestions.at(0).text.substr(0, 4);
  const auto next = bench.submit({.prompt = std::string(32, 'a') + text + "z", .max_tokens = 1});
  bench.run();
  // Break: leave out the search in accept(), and the text of 'a' is the one that went.
  EXPECT_EQ(bench.transcripts[next].started.at(0).cached_tokens, 36);
}

TEST(Accept, OfAnUnknownRequestOrIndexDoesNothing) {
  Bench bench;
  const auto live = bench.submit({.prompt = "other", .n = 2, .max_tokens = 5});
  bench.step();
  bench.accept(live, 2, 3);
  const auto key = bench.submit({.prompt = "hello", .max_tokens = 2});
  bench.run();
  EXPECT_THAT(bench.transcripts[live].suggestions.at(1).finished, ElementsAre(FinishReason::kLength));
  bench.accept(key, 7, 3);
  bench.accept(99, 0, 3);
  EXPECT_TRUE(bench.scheduler.idle());
}

TEST(Cancel, OfAHalfFedPromptLeavesWhatWasComputed) {
  Bench bench(Bench::default_shape(), {.prefill_burst = 24, .least_rows = 64});
  const auto key = bench.submit({.prompt = std::string(100, 'x'), .max_tokens = 4});
  bench.step();
  bench.cancel(key);
  const auto next = bench.submit({.prompt = std::string(100, 'x') + "y", .max_tokens = 4});
  bench.step();
  EXPECT_EQ(bench.transcripts[next].started.at(0).cached_tokens, 24);
}

// The pace is a row a millisecond: one sequence, one row a step, one step a millisecond.
TEST(Load, TellsHowLongANewRequestWouldWait) {
  Bench bench(Bench::default_shape(), {.max_sequences = 1});
  bench.submit({.prompt = "a", .max_tokens = 60});
  for (int i = 0; i < 10; ++i) bench.step();
  EXPECT_EQ(bench.scheduler.load().expected_wait, 0ms) << "nobody waits";
  bench.submit({.prompt = "b", .max_tokens = 50});
  const auto wait = bench.scheduler.load().expected_wait;
  EXPECT_GE(wait, 100ms);
  EXPECT_LE(wait, 103ms);
}

}  // namespace
}  // namespace inkfleet::engine::testing
