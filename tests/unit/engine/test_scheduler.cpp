#include <random>

#include "tests/unit/engine/fakes.hpp"

namespace inkfleet::engine::testing {
namespace {

using proto::FinishReason;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Transcript alone(const proto::Suggest& suggest) {
  Bench bench;
  const auto key = bench.submit(suggest);
  bench.run();
  return bench.transcripts[key];
}

void expect_same(const Transcript& a, const Transcript& b) {
  ASSERT_EQ(a.suggestions.size(), b.suggestions.size());
  for (const auto& [index, suggestion] : a.suggestions) {
    ASSERT_TRUE(b.suggestions.contains(index));
    EXPECT_EQ(suggestion.text, b.suggestions.at(index).text);
    EXPECT_EQ(suggestion.tokens, b.suggestions.at(index).tokens);
    EXPECT_EQ(suggestion.finished, b.suggestions.at(index).finished);
  }
}

TEST(Scheduler, FeedsAPromptOnceForAllSuggestions) {
  Bench bench(Bench::default_shape(), {.least_rows = 64});
  const auto key = bench.submit({.prompt = std::string(50, 'x'), .n = 5, .max_tokens = 10});
  bench.run();
  // The prompt's 50 rows, and 9 more tokens fed for each suggestion: the last one is never fed.
  // Break: feeding the prompt per suggestion (or feeding the last token) changes the count.
  EXPECT_EQ(bench.model.rows, 50 + 5 * 9);
  EXPECT_EQ(bench.observer.prefill_rows, 50);
  EXPECT_EQ(bench.model.steps, 10);
  const auto& transcript = bench.transcripts[key];
  ASSERT_EQ(transcript.completed.size(), 1U);
  EXPECT_EQ(transcript.completed[0].usage.completion_tokens, 50);
  EXPECT_EQ(transcript.completed[0].usage.prompt_tokens, 50);
  ASSERT_EQ(transcript.suggestions.size(), 5U);
  for (const auto& [index, suggestion] : transcript.suggestions) {
    EXPECT_EQ(suggestion.tokens.size(), 10U);
    EXPECT_THAT(suggestion.finished, ElementsAre(FinishReason::kLength));
  }
  EXPECT_EQ(bench.scheduler.load().blocks_used, 0);
}

// Break: leave out the copy of the prompt's last block in start_suggestion, or share it: texts differ.
TEST(Scheduler, TextDoesNotDependOnWhatElseRuns) {
  std::mt19937 random(7);
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<>(low, high)(random); };
  std::vector<proto::Suggest> requests;
  for (int i = 0; i < 60; ++i) {
    proto::Suggest suggest{
        .prompt = std::string(static_cast<std::size_t>(pick(1, 60)), static_cast<char>('a' + i % 26)),
        .n = pick(1, 6),
        .max_tokens = pick(1, 30),
        .temperature = pick(0, 3) == 0 ? 0.0 : 0.8,
        .top_k = pick(0, 20),
        .seed = static_cast<std::uint64_t>(i)};
    requests.push_back(std::move(suggest));
  }
  for (const int kv_blocks : {24, 100, 512}) {
    auto shape = Bench::default_shape();
    shape.kv_blocks = kv_blocks;
    Bench bench(shape, {.max_sequences = 12, .prefill_rows = 16, .prefill_burst = 32});
    std::vector<RequestKey> keys;
    std::vector<RequestKey> cancelled;
    for (const auto& request : requests) {
      keys.push_back(bench.submit(request));
      for (int steps = pick(0, 6); steps > 0; --steps) bench.step();
      if (pick(0, 5) == 0) {
        cancelled.push_back(keys[static_cast<std::size_t>(pick(0, static_cast<int>(keys.size()) - 1))]);
        bench.cancel(cancelled.back());
      }
    }
    bench.run();
    EXPECT_EQ(bench.scheduler.load().blocks_used, 0);
    int compared = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const auto& transcript = bench.transcripts[keys[i]];
      ASSERT_TRUE(transcript.ended());
      if (std::find(cancelled.begin(), cancelled.end(), keys[i]) != cancelled.end()) continue;
      expect_same(transcript, alone(requests[i]));
      ++compared;
    }
    EXPECT_GT(compared, 40);
  }
}

TEST(Scheduler, ResumesAfterAnyNumberOfTokensWithoutComputingThemAgain) {
  const proto::Suggest whole{.prompt = "once upon a time", .n = 3, .max_tokens = 12, .seed = 99};
  const auto expected = alone(whole);
  for (std::size_t k = 0; k <= 12; ++k) {
    auto rest = whole;
    rest.resume.emplace();
    for (const int index : {0, 2}) {
      const auto& tokens = expected.suggestions.at(index).tokens;
      const auto taken = std::min(k, tokens.size());
      rest.resume->push_back({index, {tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(taken)}});
    }
    Bench bench;
    const auto key = bench.submit(rest);
    bench.run();
    const auto& transcript = bench.transcripts[key];
    ASSERT_EQ(transcript.suggestions.size(), 2U);
    for (const auto& point : *rest.resume) {
      auto tokens = point.tokens;
      const auto& more = transcript.suggestions.at(point.index);
      tokens.insert(tokens.end(), more.tokens.begin(), more.tokens.end());
      EXPECT_EQ(tokens, expected.suggestions.at(point.index).tokens) << "resumed after " << k;
      EXPECT_EQ(more.finished, expected.suggestions.at(point.index).finished);
    }
    EXPECT_EQ(bench.model.steps == 0, k == 12) << "resumed after " << k;
    const int brought = static_cast<int>(k);
    EXPECT_EQ(bench.observer.prefill_rows, k == 12 ? 0 : 16 + 2 * std::max(0, brought - 1));
    EXPECT_EQ(bench.observer.decode_rows, 2 * std::min(11, 12 - brought))
        << "one for each token but the prompt's";
  }
}

TEST(Scheduler, CancelledSuggestionsAreNotComputedFurther) {
  Bench bench;
  const auto key = bench.submit({.prompt = "abc", .n = 4, .max_tokens = 50});
  for (int i = 0; i < 5; ++i) bench.step();
  const int rows = bench.model.rows;
  bench.cancel(key, 2);
  bench.step();
  EXPECT_EQ(bench.model.rows, rows + 3);
  bench.cancel(key);
  EXPECT_FALSE(bench.step());
  EXPECT_EQ(bench.model.rows, rows + 3);
  const auto& transcript = bench.transcripts[key];
  EXPECT_EQ(transcript.completed.size(), 1U);
  for (const auto& [index, suggestion] : transcript.suggestions) {
    EXPECT_THAT(suggestion.finished, ElementsAre(FinishReason::kCancelled));
  }
  EXPECT_EQ(bench.scheduler.load().blocks_used, 0);
}

// Turns red when: only a suggestion's own steps count, not its prompt's; a step counts for all that run.
TEST(Scheduler, CountsTheStepsComputedAfterACancelCameIn) {
  Bench bench(Bench::default_shape(), {.prefill_burst = 2});
  const auto key = bench.submit({.prompt = "abcd", .n = 2, .max_tokens = 50});
  for (int i = 0; i < 5; ++i) bench.step();  // two for the prompt
  bench.submit({.prompt = "ef", .max_tokens = 50});
  bench.step();
  Events events;
  bench.scheduler.cancel(key, 1, 0, bench.now, events);
  bench.scheduler.cancel(key, 0, 4, bench.now, events);
  bench.scheduler.abandon(key + 1, 3, bench.now);
  EXPECT_THAT(bench.observer.cancelled, ElementsAre(6, 2, 1));
}

TEST(Scheduler, CancelBeforeTheStartEndsARequestToo) {
  auto shape = Bench::default_shape();
  shape.kv_blocks = 16;
  Bench bench(shape);
  bench.submit({.prompt = std::string(60, 'a'), .max_tokens = 60});
  const auto waiting = bench.submit({.prompt = "b", .n = 2, .max_tokens = 100});
  bench.step();
  ASSERT_EQ(bench.transcripts[waiting].queued.size(), 1U);
  EXPECT_EQ(bench.transcripts[waiting].queued[0].position, 0);
  bench.cancel(waiting, 1);
  EXPECT_FALSE(bench.transcripts[waiting].ended());
  bench.cancel(waiting);
  EXPECT_TRUE(bench.transcripts[waiting].ended());
  EXPECT_TRUE(bench.transcripts[waiting].errors.empty());
}

TEST(Scheduler, DeadlineBeforeTheStartIsAnErrorAndAfterItAnEnd) {
  auto shape = Bench::default_shape();
  shape.kv_blocks = 16;
  Bench bench(shape);
  const auto running = bench.submit(
      {.prompt = std::string(60, 'a'), .max_tokens = 60, .deadline = std::chrono::milliseconds(30)});
  const auto waiting =
      bench.submit({.prompt = "b", .max_tokens = 100, .deadline = std::chrono::milliseconds(10)});
  bench.run();
  const auto& ended = bench.transcripts[running];
  EXPECT_THAT(ended.suggestions.at(0).finished, ElementsAre(FinishReason::kDeadline));
  EXPECT_EQ(ended.completed.size(), 1U);
  EXPECT_GT(ended.suggestions.at(0).tokens.size(), 10U);
  ASSERT_EQ(bench.transcripts[waiting].errors.size(), 1U);
  EXPECT_EQ(bench.transcripts[waiting].errors[0].code, proto::ErrorCode::kDeadline);
  EXPECT_TRUE(bench.transcripts[waiting].started.empty());
}

TEST(Scheduler, RefusesAtOnceWhatTheQueueCannotHold) {
  auto shape = Bench::default_shape();
  shape.kv_blocks = 16;
  Bench bench(shape, {.max_queue = 2});
  bench.submit({.prompt = std::string(60, 'a'), .max_tokens = 60});
  bench.step();
  bench.submit({.prompt = "b"});
  bench.submit({.prompt = "c"});
  const auto refused = bench.submit({.prompt = "d"});
  ASSERT_EQ(bench.transcripts[refused].errors.size(), 1U);
  EXPECT_EQ(bench.transcripts[refused].errors[0].code, proto::ErrorCode::kOverloaded);
  EXPECT_TRUE(bench.transcripts[refused].errors[0].retry_after.has_value());
  bench.run();
}

// Deliberate break: an enqueue() that appends, or a sequence_limit() without its factor.
TEST(Scheduler, WhatIsResumedGoesFirstAndBesideWhatRuns) {
  Bench bench(Bench::default_shape(), {.max_queue = 1, .max_sequences = 2});
  const auto running = bench.submit({.prompt = "a", .n = 3, .max_tokens = 40});
  for (int i = 0; i < 3; ++i) bench.step();
  const auto waiting = bench.submit({.prompt = "b"});
  const auto resumed =
      bench.submit({.prompt = "c", .n = 2, .resume = {{{.index = 0, .tokens = {'x'}}, {.index = 1}}}});
  const auto refused = bench.submit({.prompt = "d", .resume = {{{.index = 0, .tokens = {'x'}}}}});
  for (int i = 0; i < 3; ++i) bench.step();
  EXPECT_THAT(bench.transcripts[resumed].suggestions, SizeIs(2)) << "both have text";
  EXPECT_THAT(bench.transcripts[waiting].started, IsEmpty());
  EXPECT_THAT(bench.transcripts[running].suggestions[2].tokens, SizeIs(1)) << "the third waits still";
  EXPECT_THAT(bench.transcripts[refused].errors, SizeIs(1)) << "their queue is bounded too";
  bench.run();
  EXPECT_THAT(bench.transcripts[waiting].completed, SizeIs(1));
}

TEST(Scheduler, LongPromptsAreFedInChunksBesideRunningDecodes) {
  Bench bench(Bench::default_shape(), {.prefill_rows = 8, .prefill_burst = 16});
  const auto first = bench.submit({.prompt = "ab", .max_tokens = 60});
  bench.step();
  const auto second = bench.submit({.prompt = std::string(80, 'z'), .max_tokens = 4});
  bench.model.largest_step = 0;
  const auto before = bench.transcripts[first].suggestions.at(0).tokens.size();
  for (int i = 0; i < 10; ++i) bench.step();
  EXPECT_EQ(bench.model.largest_step, 1 + 8);
  EXPECT_EQ(bench.transcripts[first].suggestions.at(0).tokens.size(), before + 10) << "a decode stood still";
  EXPECT_EQ(bench.transcripts[second].suggestions.at(0).tokens.size(), 1U);
  bench.run();
}

TEST(Scheduler, AFailedStepEndsTheRequestsInItAndNothingElse) {
  Bench bench;
  const auto key = bench.submit({.prompt = "abc", .n = 2, .max_tokens = 20});
  bench.step();
  Events events;
  bench.scheduler.plan(bench.now, events);
  bench.scheduler.fail(proto::ErrorCode::kInternal, "fault", events);
  bench.record(events);
  const auto& transcript = bench.transcripts[key];
  ASSERT_EQ(transcript.errors.size(), 1U);
  EXPECT_EQ(transcript.errors[0].code, proto::ErrorCode::kInternal);
  for (const auto& [index, suggestion] : transcript.suggestions) {
    EXPECT_THAT(suggestion.finished, ElementsAre(FinishReason::kFailed));
  }
  EXPECT_TRUE(bench.scheduler.idle());
  EXPECT_EQ(bench.scheduler.load().blocks_used, 0);
  const auto next = bench.submit({.prompt = "abc", .max_tokens = 3});
  bench.run();
  EXPECT_EQ(bench.transcripts[next].completed.size(), 1U);
}

// A step that decodes one request and feeds another's prompt runs out of memory: the newcomer goes, the other
// never notices. Break: let shed() end every owner.
TEST(Scheduler, WithoutMemoryTheNewcomerGoesAndTheRestGoesOn) {
  Bench bench;
  const proto::Suggest request{.prompt = "abc", .n = 2, .max_tokens = 20, .seed = 7};
  const auto running = bench.submit(request);
  bench.step();
  bench.step();
  const auto newcomer = bench.submit({.prompt = std::string(40, 'x'), .max_tokens = 5});
  Events events;
  const auto& plan = bench.scheduler.plan(bench.now, events);
  for (const auto& [from, to] : plan.copies) bench.model.copy_block(from, to);
  bench.scheduler.shed(events);
  bench.record(events);
  ASSERT_EQ(bench.transcripts[newcomer].errors.size(), 1U);
  EXPECT_EQ(bench.transcripts[newcomer].errors[0].code, proto::ErrorCode::kOverloaded);
  EXPECT_TRUE(bench.transcripts[newcomer].errors[0].retry_after.has_value());
  bench.run();
  expect_same(bench.transcripts[running], alone(request));
}

TEST(Scheduler, WithoutMemoryForDecodesAloneTheyEndAndTheCacheShrinks) {
  Bench bench;
  bench.submit({.prompt = std::string(40, 'y'), .max_tokens = 2});
  bench.run();
  ASSERT_GT(bench.scheduler.load().blocks_cached, 0);
  const auto key = bench.submit({.prompt = "abc", .max_tokens = 20});
  bench.step();
  Events events;
  bench.scheduler.plan(bench.now, events);
  bench.scheduler.shed(events);
  bench.record(events);
  EXPECT_EQ(bench.transcripts[key].errors.at(0).code, proto::ErrorCode::kOverloaded);
  EXPECT_EQ(bench.scheduler.load().blocks_cached, 0);
  EXPECT_EQ(bench.scheduler.load().blocks_used, 0);
  const auto next = bench.submit({.prompt = "abc", .max_tokens = 3});
  bench.run();
  EXPECT_EQ(bench.transcripts[next].completed.size(), 1U);
}

TEST(Scheduler, SuggestionsThatDoNotFitTogetherTakeTurns) {
  auto shape = Bench::default_shape();
  shape.kv_blocks = 16;  // one whole context
  Bench bench(shape);
  const proto::Suggest request{.prompt = std::string(20, 'q'), .n = 8, .max_tokens = 60, .seed = 4};
  const auto key = bench.submit(request);
  bench.run();
  expect_same(bench.transcripts[key], alone(request));
  EXPECT_EQ(bench.observer.prefill_rows, 20);
}

}  // namespace
}  // namespace inkfleet::engine::testing
