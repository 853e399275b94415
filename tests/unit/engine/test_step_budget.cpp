#include <gmock/gmock.h>

#include "model-service/engine/step_budget.hpp"
#include "tests/unit/engine/fakes.hpp"

namespace inkfleet::engine::testing {
namespace {

using namespace std::chrono_literals;

TEST(StepBudget, BeginsCarefullyAndFollowsAFastModel) {
  StepBudget budget(16, 512, 500ms);
  EXPECT_EQ(budget.rows(), 16);
  budget.observe(16, 40ms);
  EXPECT_EQ(budget.rows(), 200);
  budget.observe(200, 100ms);
  EXPECT_EQ(budget.rows(), 512);
}

TEST(StepBudget, GivesWayWhenAStepTakesTooLong) {
  StepBudget budget(16, 512, 500ms);
  budget.observe(16, 1ms);
  budget.observe(512, 2s);
  EXPECT_EQ(budget.rows(), 128);
  budget.observe(1, 3s);
  EXPECT_EQ(budget.rows(), 16) << "never below the least";
}

TEST(StepBudget, AStepOfFewRowsPromisesNoLess) {
  StepBudget budget(16, 512, 500ms);
  budget.observe(16, 10ms);
  budget.observe(1, 100ms);
  EXPECT_EQ(budget.rows(), 512);
}

// GPT-2 XL in fp32 on two slow threads: a step reads 6.2 GB of weights at 13 GB/s and computes 3.1 GFLOP a
// row at 50 GFLOP/s. From the first step on, whatever comes, a step stays far below the limit of health.
// Break: begin with the most rows, or leave out observe().
TEST(StepBudget, TheSlowestModelStaysFarBelowTheStepLimit) {
  const auto took = [](int rows) { return std::chrono::duration<double>(6.2 / 13 + rows * 3.1 / 50); };
  StepBudget budget(16, 512, 500ms);
  for (int step = 0; step < 200; ++step) {
    const int rows = step % 3 == 0 ? 1 : budget.rows();
    EXPECT_LT(took(rows).count(), 1.6) << step;
    budget.observe(rows, took(rows));
  }
}

// Long prompts and 64 decodes on a model that takes 60 ms a row; the clock is what health sees.
// Break: let plan_decodes() take all of them.
TEST(Scheduler, NoStepTakesLongHoweverMuchIsAsked) {
  Bench bench;
  for (int i = 0; i < 8; ++i) bench.submit({.prompt = std::string(60, 'p'), .n = 8, .max_tokens = 6});
  std::map<RequestKey, std::size_t> tokens;
  for (int i = 0; !bench.scheduler.idle(); ++i) {
    ASSERT_LT(i, 2000);
    Events events;
    const auto& plan = bench.scheduler.plan(bench.now, events);
    int rows = 0;
    for (const auto& slice : plan.slices) rows += static_cast<int>(slice.tokens.size());
    ASSERT_LE(rows, 16);
    bench.now += 100ms + rows * 60ms;
    for (const auto& [from, to] : plan.copies) bench.model.copy_block(from, to);
    if (!plan.empty()) bench.scheduler.commit(bench.model.step(plan.slices), bench.now, events);
    bench.record(events);
  }
  for (const auto& [key, transcript] : bench.transcripts) EXPECT_FALSE(transcript.suggestions.empty()) << key;
}

// Break: leave observe() out of the scheduler, and prompts are fed 16 tokens at a time for ever.
TEST(Scheduler, AFastModelIsFedWholePrompts) {
  Bench bench;
  bench.submit({.prompt = "ab", .max_tokens = 2});
  bench.run();
  bench.submit({.prompt = std::string(100, 'q'), .max_tokens = 2});
  bench.step();
  EXPECT_EQ(bench.model.largest_step, 100);
  bench.run();
}

// Of 32 decodes with room for 16, the oldest go first, so none falls behind by more than a round.
// Break: leave out the sort, and the last ones stand still.
TEST(Scheduler, DecodesThatDoNotFitTakeTurns) {
  Bench bench(Bench::default_shape(), {.max_sequences = 64, .least_rows = 16, .step_time = 0ms});
  const auto key = bench.submit({.prompt = "a", .n = 32, .max_tokens = 40});
  for (int i = 0; i < 41; ++i) bench.step();
  std::size_t fewest = 1000, most = 0;
  for (const auto& [index, suggestion] : bench.transcripts[key].suggestions) {
    fewest = std::min(fewest, suggestion.tokens.size());
    most = std::max(most, suggestion.tokens.size());
  }
  EXPECT_EQ(bench.transcripts[key].suggestions.size(), 32U);
  EXPECT_LE(most - fewest, 1U);
  EXPECT_GT(fewest, 10U);
}

}  // namespace
}  // namespace inkfleet::engine::testing
