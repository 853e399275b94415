#include <random>

#include "model-service/engine/prefix_cache.hpp"
#include "tests/unit/engine/fakes.hpp"

namespace inkfleet::engine::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int kBlock = 4;

std::vector<TokenId> ids(std::string_view text) {
  return {text.begin(), text.end()};
}

// A cache with a sequence's blocks handed to it, as the scheduler does when the sequence ends.
struct Memory {
  BlockPool pool{8};
  PrefixCache cache{pool, kBlock};

  std::vector<BlockId> learn(std::string_view text) {
    BlockTable table(pool);
    table.grow_to(static_cast<int>((text.size() + kBlock - 1) / kBlock));
    cache.insert(ids(text), table.ids());
    return table.ids();
  }
  int known(std::string_view text) { return cache.find(ids(text)).tokens(kBlock); }
};

TEST(PrefixCache, FindsTheLongestCommonBeginningToTheToken) {
  Memory memory;
  const auto blocks = memory.learn("abcdefghij");
  const auto match = memory.cache.find(ids("abcdefgXYZ"));
  EXPECT_THAT(match.whole, ElementsAre(blocks[0]));
  EXPECT_EQ(match.partial, blocks[1]);
  EXPECT_EQ(match.partial_tokens, 3);
  EXPECT_EQ(memory.known("abcdefghijkl"), 10);
  EXPECT_EQ(memory.known("ab"), 2);
  EXPECT_EQ(memory.known("Xbcd"), 0);
  EXPECT_THAT(memory.cache.find({}).whole, IsEmpty());
}

TEST(PrefixCache, BranchesWhereTextsPart) {
  Memory memory;
  memory.learn("abcdefgh");
  memory.learn("abcdxxxx");
  EXPECT_EQ(memory.pool.available(), 8 - 3) << "the common block is held once";
  EXPECT_EQ(memory.known("abcdefgh"), 8);
  EXPECT_EQ(memory.known("abcdxxyy"), 6);
}

TEST(PrefixCache, ALongerTextReplacesThePartlyFilledBlock) {
  Memory memory;
  memory.learn("abcdef");
  memory.learn("abcdefghi");
  EXPECT_EQ(memory.pool.available(), 8 - 3);
  EXPECT_EQ(memory.known("abcdefghij"), 9);
  memory.learn("abcde");  // shorter: nothing new
  EXPECT_EQ(memory.pool.available(), 8 - 3);
}

// Break: leave out touch() in find(), and the text that was asked for goes first.
TEST(PrefixCache, GivesUpTheLeastRecentlyUsedFirst) {
  Memory memory;
  memory.learn("aaaaAAAA");
  memory.learn("bbbbBBBB");
  memory.learn("ccccCCCC");
  EXPECT_EQ(memory.known("aaaaAAAA"), 8);
  ASSERT_TRUE(memory.cache.make_room(3));
  EXPECT_EQ(memory.known("bbbbBBBB"), 4) << "the end of the oldest text goes before its beginning";
  ASSERT_TRUE(memory.cache.make_room(4));
  EXPECT_EQ(memory.known("aaaaAAAA"), 8);
}

TEST(PrefixCache, KeepsWhatARunningSequenceUses) {
  Memory memory;
  const auto blocks = memory.learn("abcdefgh");
  BlockTable running(memory.pool);
  running.share(blocks[0]);
  EXPECT_EQ(memory.cache.idle_blocks(), 1);
  EXPECT_FALSE(memory.cache.make_room(8));
  EXPECT_EQ(memory.known("abcdefgh"), 8) << "nothing is given up in vain";
  EXPECT_TRUE(memory.cache.make_room(7));
  EXPECT_EQ(memory.known("abcdefgh"), 4);
}

Transcript alone(const proto::Suggest& suggest) {
  Bench bench(Bench::default_shape(), {.prefix_cache = false});
  const auto key = bench.submit(suggest);
  bench.run();
  return bench.transcripts[key];
}

TEST(SchedulerWithPrefixCache, ComputesOnlyWhatIsNew) {
  Bench bench;
  const std::string text(50, 'x');
  bench.submit({.prompt = text, .max_tokens = 4});
  bench.run();
  const int cold = bench.observer.prefill_rows;
  EXPECT_EQ(cold, 50);
  const auto grown = bench.submit({.prompt = text + "abc", .max_tokens = 4});
  bench.run();
  EXPECT_EQ(bench.observer.prefill_rows, cold + 3);
  EXPECT_EQ(bench.transcripts[grown].started[0].cached_tokens, 50);
  EXPECT_EQ(bench.transcripts[grown].completed[0].usage.cached_tokens, 50);
}

TEST(SchedulerWithPrefixCache, TheSamePromptAgainFeedsItsLastTokenAlone) {
  Bench bench;
  const proto::Suggest request{.prompt = std::string(48, 'x'), .n = 2, .max_tokens = 4, .seed = 3};
  bench.submit(request);
  bench.run();
  const auto again = bench.submit(request);
  bench.run();
  EXPECT_EQ(bench.observer.prefill_rows, 48 + 1);
  EXPECT_EQ(bench.transcripts[again].suggestions.at(1).text, alone(request).suggestions.at(1).text);
}

TEST(SchedulerWithPrefixCache, AnEditRewindsToWhereTheTextsPart) {
  Bench bench;
  std::string text(50, 'x');
  bench.submit({.prompt = text, .max_tokens = 4});
  bench.run();
  text[30] = 'y';
  const auto edited = bench.submit({.prompt = text, .max_tokens = 4});
  bench.run();
  EXPECT_EQ(bench.transcripts[edited].started[0].cached_tokens, 30);
}

TEST(SchedulerWithPrefixCache, ATextThatGoesOnWithASuggestionFindsItWarm) {
  Bench bench;
  const auto first = bench.submit({.prompt = "once upon a time", .n = 3, .max_tokens = 20, .seed = 5});
  bench.run();
  const auto taken = bench.transcripts[first].suggestions.at(2).text;
  const auto next = bench.submit({.prompt = "once upon a time" + taken, .max_tokens = 4});
  bench.run();
  // The last token of a suggestion was never fed, and the last of the prompt is needed for its logits: the
  // same one.
  EXPECT_EQ(bench.transcripts[next].started[0].cached_tokens, 16 + 20 - 1);
}

// Typing, editing and cancelling over few texts, in a cache that is too small for all of them. Break: insert
// a running sequence's last block while it is still written, or share a partly matching block instead of
// copying it.
TEST(SchedulerWithPrefixCache, AnswersAreThoseOfAColdCache) {
  std::mt19937 random(11);
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<>(low, high)(random); };
  for (const int kv_blocks : {20, 40, 200}) {
    auto shape = Bench::default_shape();
    shape.kv_blocks = kv_blocks;
    Bench bench(shape, {.max_sequences = 8, .prefill_rows = 8, .prefill_burst = 16});
    std::vector<std::string> texts(4);
    std::map<RequestKey, proto::Suggest> requests;
    std::set<RequestKey> cancelled;
    for (int i = 0; i < 150; ++i) {
      auto& text = texts[static_cast<std::size_t>(pick(0, 3))];
      if (pick(0, 4) == 0 && text.size() > 10)
        text.resize(text.size() - static_cast<std::size_t>(pick(1, 10)));
      if (text.size() > 80) text.resize(5);
      text += std::string(static_cast<std::size_t>(pick(1, 12)), static_cast<char>('a' + pick(0, 2)));
      const proto::Suggest request{.prompt = text,
                                   .n = pick(1, 3),
                                   .max_tokens = pick(1, 16),
                                   .top_k = pick(0, 12),
                                   .seed = static_cast<std::uint64_t>(i)};
      const auto key = bench.submit(request);
      requests.emplace(key, request);
      for (int steps = pick(0, 8); steps > 0; --steps) bench.step();
      if (pick(0, 6) == 0) {
        bench.cancel(key);
        cancelled.insert(key);
      }
    }
    bench.run();
    EXPECT_EQ(bench.scheduler.load().blocks_used, 0);
    int cached = 0;
    for (const auto& [key, request] : requests) {
      const auto& transcript = bench.transcripts[key];
      ASSERT_TRUE(transcript.ended());
      if (cancelled.contains(key)) continue;
      cached += transcript.started.at(0).cached_tokens;
      const auto expected = alone(request);
      for (const auto& [index, suggestion] : expected.suggestions) {
        EXPECT_EQ(suggestion.text, transcript.suggestions.at(index).text);
        EXPECT_EQ(suggestion.finished, transcript.suggestions.at(index).finished);
      }
    }
    EXPECT_GT(cached, 500) << "the cache was never used";
  }
}

}  // namespace
}  // namespace inkfleet::engine::testing
