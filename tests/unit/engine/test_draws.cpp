// A model that draws tokens itself is given all that they depend on, and gives logits only where the host
// must choose.

#include "tests/unit/engine/fakes.hpp"
#include "tests/unit/engine/mixed_requests.hpp"

namespace inkfleet::engine::testing {
namespace {

ModelShape shape_for(const std::vector<std::string>& words) {
  auto shape = Bench::default_shape();
  shape.vocab_size += static_cast<int>(words.size());
  return shape;
}

std::map<RequestKey, Transcript> run(Bench& bench, bool draws) {
  bench.model.draws = draws;
  for (const auto& suggest : mixed_requests()) {
    bench.submit(suggest);
    bench.step();
  }
  bench.run();
  return bench.transcripts;
}

// Break: in plan_draws(), draw a first token for resumed suggestions too.
TEST(Draws, TheModelsOwnAreTheHosts) {
  const SchedulerOptions options{.max_sequences = 12, .prefill_rows = 16, .prefill_burst = 32};
  const std::vector<std::string> words{"aa", "bcd", "the", "ee"};
  Bench on_host(shape_for(words), options, words);
  Bench on_device(shape_for(words), options, words);
  const auto expected = run(on_host, false);
  const auto found = run(on_device, true);
  expect_same_texts(found, expected);
  EXPECT_GT(on_device.model.logits_rows, 0);
  EXPECT_LT(on_device.model.logits_rows, on_host.model.logits_rows / 2);
}

int rows_for(const proto::Suggest& suggest) {
  Bench bench(shape_for({"the"}), {}, {"the"});
  bench.model.draws = true;
  bench.submit(suggest);
  bench.run();
  return bench.model.logits_rows;
}

// At 50,000 tokens a second their logits are 10 GB. Break: offer no draws in plan_draws().
TEST(Draws, LogitsComeToTheHostOnlyWhereItChooses) {
  EXPECT_EQ(rows_for({.prompt = "abc", .n = 3, .max_tokens = 8}), 0);
  EXPECT_EQ(rows_for({.prompt = "abc", .n = 3, .max_tokens = 8, .temperature = 0.0}), 0);
  // One row for all first tokens, then one for each token.
  EXPECT_EQ(rows_for({.prompt = "abc", .n = 3, .max_tokens = 8, .logprobs = 1}), 1 + 3 * 7);
  // Only the prompt's row: what was taken back is one byte, and the first token spells it.
  EXPECT_EQ(rows_for({.prompt = "abc", .n = 3, .max_tokens = 8, .heal = true}), 1);
}

}  // namespace
}  // namespace inkfleet::engine::testing
