// A model that draws tokens itself is given all that they depend on, and gives logits only where the host
// must choose.

#include <random>

#include "tests/unit/engine/fakes.hpp"

namespace inkfleet::engine::testing {
namespace {

/// Requests of all kinds at once: several suggestions, greedy ones, log-probabilities, healed prompts and
/// resumed ones. What a model that draws gives must be what the host draws.
std::vector<proto::Suggest> mixed_requests() {
  std::mt19937 random(3);
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<>(low, high)(random); };
  std::vector<proto::Suggest> requests;
  for (int i = 0; i < 40; ++i) {
    proto::Suggest suggest{
        .prompt = std::string(static_cast<std::size_t>(pick(2, 40)), static_cast<char>('a' + i % 26)),
        .n = pick(1, 5),
        .max_tokens = pick(4, 20),
        .temperature = pick(0, 3) == 0 ? 0.0 : 0.9,
        .top_k = pick(0, 20),
        .top_p = pick(0, 1) * 0.8,
        .seed = static_cast<std::uint64_t>(i)};
    if (i % 4 == 1) suggest.logprobs = 2;
    if (i % 4 == 2) suggest.heal = true;
    if (i % 4 == 3) {
      suggest.resume.emplace();
      for (int index = 0; index < suggest.n; ++index) {
        suggest.resume->push_back(
            {index, std::vector<TokenId>(static_cast<std::size_t>((i + 2 * index) % 3), 'r')});
      }
    }
    requests.push_back(std::move(suggest));
  }
  return requests;
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
  Bench on_host(Bench::default_shape(), options, words);
  Bench on_device(Bench::default_shape(), options, words);
  const auto expected = run(on_host, false);
  const auto found = run(on_device, true);
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [key, transcript] : expected) {
    const auto& other = found.at(key);
    ASSERT_EQ(other.suggestions.size(), transcript.suggestions.size()) << key;
    for (const auto& [index, suggestion] : transcript.suggestions) {
      EXPECT_EQ(other.suggestions.at(index).tokens, suggestion.tokens) << key << ", suggestion " << index;
      EXPECT_EQ(other.suggestions.at(index).text, suggestion.text) << key << ", suggestion " << index;
    }
  }
  EXPECT_GT(on_device.model.logits_rows, 0);
  EXPECT_LT(on_device.model.logits_rows, on_host.model.logits_rows / 2);
}

int rows_for(const proto::Suggest& suggest) {
  Bench bench(Bench::default_shape(), {}, {"the"});
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
