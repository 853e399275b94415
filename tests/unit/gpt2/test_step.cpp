// One step against several, one slice against many: the same numbers.
#include <numeric>
#include <thread>

#include "tests/unit/gpt2/support.hpp"

namespace inkfleet::gpt2 {
namespace {

using namespace testing;

class Step : public ::testing::Test {
 protected:
  /// Tokens that differ from one place to the next.
  [[nodiscard]] std::vector<TokenId> text(std::size_t length, int salt = 0) const {
    std::vector<TokenId> ids(length);
    for (std::size_t i = 0; i < length; ++i)
      ids[i] = static_cast<TokenId>((i * i * 31 + i * 7 + salt * 1009 + 5) % 8192);
    return ids;
  }

  std::unique_ptr<CpuModel> model_ = load(kSource / "models/gpt2-demo");
  Blocks blocks_{*model_};
};

// Turns red when: attention of a chunk starts at its own first position instead of 0.
TEST_F(Step, GivesTheSameInOneSliceInChunksAndTokenByToken) {
  const auto ids = text(150);
  const auto whole = prefill(*model_, ids, blocks_.take_for(ids.size()));
  for (const std::size_t chunk : {1U, 7U, 16U, 64U}) {
    expect_close("chunks of " + std::to_string(chunk),
                 prefill_in_chunks(*model_, ids, blocks_.take_for(ids.size()), chunk), whole);
  }
}

// Turns red when: a slice's rows are taken from the slice before it.
TEST_F(Step, GivesTheSameForASequenceAloneAndAmongOthers) {
  std::vector<std::vector<TokenId>> texts;
  std::vector<std::vector<BlockId>> tables;
  std::vector<StepSlice> slices;
  for (int i = 0; i < 9; ++i) {
    texts.push_back(text(1 + i * 23, i));
    tables.push_back(blocks_.take_for(texts[i].size()));
  }
  // Of each sequence the last tokens only, after a prefill of its own: prompts and decode steps mixed.
  for (int i = 0; i < 9; ++i) {
    const std::size_t cached = i % 3 == 0 ? 0 : texts[i].size() - (i % 3 == 1 ? 1 : 20);
    if (cached > 0) static_cast<void>(prefill(*model_, std::span(texts[i]).first(cached), tables[i]));
    slices.push_back({.tokens = std::span(texts[i]).subspan(cached),
                      .first_position = static_cast<int>(cached),
                      .blocks = tables[i],
                      .wants_logits = i != 4});
  }
  const auto together = run(*model_, slices);
  const std::size_t vocab = model_->shape().vocab_size;
  ASSERT_EQ(together.size(), 8 * vocab);
  for (int i = 0, row = 0; i < 9; ++i) {
    if (i == 4) continue;
    const auto alone = prefill(*model_, texts[i], blocks_.take_for(texts[i].size()));
    expect_close("sequence " + std::to_string(i), std::span(together).subspan(vocab * row++, vocab), alone);
  }
}

// Turns red when: a slice attends to its own positions only, or its rows are taken from the slice before it.
TEST_F(Step, SharesTheBlocksOfACommonPrefix) {
  const auto prefix = text(64);  // four whole blocks
  const auto shared = blocks_.take_for(prefix.size());
  static_cast<void>(prefill(*model_, prefix, shared));
  std::vector<std::vector<BlockId>> tables;
  std::vector<std::vector<TokenId>> rests;
  std::vector<StepSlice> slices;
  for (int i = 0; i < 5; ++i) {
    tables.push_back(shared);
    tables.back().push_back(blocks_.take());
    rests.push_back(text(1 + i, i + 50));
  }
  for (int i = 0; i < 5; ++i) {
    slices.push_back({.tokens = rests[i], .first_position = 64, .blocks = tables[i], .wants_logits = true});
  }
  const auto together = run(*model_, slices);
  const std::size_t vocab = model_->shape().vocab_size;
  for (int i = 0; i < 5; ++i) {
    auto whole = prefix;
    whole.insert(whole.end(), rests[i].begin(), rests[i].end());
    expect_close("branch " + std::to_string(i), std::span(together).subspan(vocab * i, vocab),
                 prefill(*model_, whole, blocks_.take_for(whole.size())));
  }
}

// Blocks may share pages: preparing one must take nothing from those in use.
// Turns red when: prepare() drops the pages (MADV_DONTNEED).
TEST_F(Step, PreparingBlocksKeepsWhatIsInThem) {
  const auto ids = text(40);
  const auto table = blocks_.take_for(ids.size() + 1);
  static_cast<void>(prefill(*model_, ids, table));
  const auto go_on = [&] {
    const TokenId token = 11;
    const StepSlice slice{.tokens = {&token, 1}, .first_position = 40, .blocks = table, .wants_logits = true};
    return run(*model_, {&slice, 1});
  };
  const auto before = go_on();
  for (BlockId block = 0; block < model_->shape().kv_blocks; ++block) model_->prepare_block(block);
  EXPECT_EQ(go_on(), before);
}

// Turns red when: copy_block copies one layer only.
TEST_F(Step, GoesOnInACopiedBlockAndLeavesTheOriginal) {
  const auto ids = text(40);
  const auto table = blocks_.take_for(ids.size() + 1);
  const auto before = prefill(*model_, ids, table);
  auto branch = table;
  branch.back() = blocks_.take();
  model_->copy_block(table.back(), branch.back());

  const auto go_on = [&](const std::vector<BlockId>& blocks, TokenId token) {
    const StepSlice slice{
        .tokens = {&token, 1}, .first_position = 40, .blocks = blocks, .wants_logits = true};
    return run(*model_, {&slice, 1});
  };
  const auto first = go_on(table, 11);
  const auto second = go_on(branch, 99);
  EXPECT_EQ(go_on(table, 11), first);  // the branch wrote into its own block

  for (const auto& [token, found] : {std::pair{11, first}, {99, second}}) {
    auto whole = ids;
    whole.push_back(token);
    expect_close("token " + std::to_string(token), found, prefill(*model_, whole, blocks_.take_for(41)));
  }
}

TEST_F(Step, ReturnsNothingWhenNoSliceWantsLogits) {
  const auto ids = text(5);
  const auto table = blocks_.take_for(5);
  const StepSlice slice{.tokens = ids, .blocks = table};
  EXPECT_TRUE(model_->step({&slice, 1}).logits.empty());
  EXPECT_TRUE(model_->step({}).logits.empty());
}

TEST_F(Step, GivesTheSameWithAnyNumberOfThreads) {
  const auto ids = text(100);
  const auto one = load(kSource / "models/gpt2-demo", 1);
  const auto two = load(kSource / "models/gpt2-demo", 2);
  expect_close("2 threads", prefill(*two, ids, Blocks(*two).take_for(100)),
               prefill(*one, ids, Blocks(*one).take_for(100)));
}

TEST_F(Step, WorksOnAnotherThreadThanTheOneThatLoaded) {
  const auto ids = text(30);
  const auto table = blocks_.take_for(30);
  const auto here = prefill(*model_, ids, table);
  std::vector<float> there;
  std::thread([&] { there = prefill(*model_, ids, table); }).join();
  EXPECT_EQ(here, there);
}

TEST_F(Step, RefusesWhatTheModelDoesNotHave) {
  const auto table = blocks_.take_for(512);
  const auto message = [&](std::vector<TokenId> ids, int first, std::span<const BlockId> blocks) {
    const StepSlice slice{.tokens = ids, .first_position = first, .blocks = blocks};
    return error_of([&] { model_->step({&slice, 1}); });
  };
  EXPECT_EQ(message({8192}, 0, table), "step: expected tokens below 8192, found 8192");
  EXPECT_EQ(message({-1}, 0, table), "step: expected tokens below 8192, found -1");
  EXPECT_NE(message({}, 0, table), "");
  EXPECT_NE(message({1, 2}, 511, table), "");
  EXPECT_NE(message({1}, -1, table), "");
  EXPECT_NE(message({1}, 16, std::span(table).first(1)), "");
  const std::vector<BlockId> outside{model_->shape().kv_blocks};
  EXPECT_NE(message({1}, 0, outside), "");
}

TEST(KeyValueMemory, IsAsManyBlocksAsFit) {
  // 2 layers x (keys [4][8][16] + values [4][16][16 padded]) x 4 bytes = 12288 bytes a block; a context
  // has 4.
  const auto model = load_model(kData / "tiny", {.threads = 1, .kv_bytes = 10 * 12288 + 100});
  EXPECT_EQ(model->shape().kv_blocks, 10);
  EXPECT_EQ(error_of([] { load_model(kData / "tiny", {.threads = 1, .kv_bytes = 4 * 12288 - 1}); }),
            "key-value cache: expected at least 49152 bytes, for one context of 64 tokens, found 49151");
}

}  // namespace
}  // namespace inkfleet::gpt2
