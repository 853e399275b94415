// Which rows attend together, that it makes no difference to any of them, and what keys and values of fewer
// bits change.
#include <unistd.h>

#include "model-service/gpt2/attention_plan.hpp"
#include "model-service/gpt2/kv_cache.hpp"
#include "tests/unit/gpt2/support.hpp"

namespace inkfleet::gpt2 {
namespace {

using namespace testing;
using ::testing::ElementsAre;

using ::testing::UnorderedElementsAre;

constexpr TokenId kToken = 1;

StepSlice decode(const std::vector<BlockId>& table, int position) {
  return {.tokens = {&kToken, 1}, .first_position = position, .blocks = table, .wants_logits = true};
}

/// (first row, rows, shared blocks) of each group, in order of work.
std::vector<std::tuple<int, int, int>> groups_of(std::span<const StepSlice> slices, int heads = 16) {
  AttentionPlan plan(100);
  plan.build({}, heads, 2);
  plan.build(slices, heads, 2);
  std::vector<std::tuple<int, int, int>> found;
  for (const AttentionGroup& group : plan.groups()) {
    found.emplace_back(group.rows[0].row, group.count, group.shared_blocks);
  }
  return found;
}

// Turns red when: slices are grouped by their first block; rows get the order of the groups, not the step's.
TEST(Grouping, FindsSuggestionsBehindTheSameBlocksAndSharesWhatAllOfThemHave) {
  const std::vector<std::vector<BlockId>> tables{{1, 2, 10},         {1, 2, 11}, {50, 51, 52},
                                                 {1, 2, 12, 13, 14}, {30, 31},   {30, 32}};
  const std::vector<StepSlice> slices{decode(tables[0], 40), decode(tables[1], 33), decode(tables[2], 47),
                                      decode(tables[3], 64), decode(tables[4], 20), decode(tables[5], 16)};
  EXPECT_THAT(groups_of(slices), ElementsAre(std::tuple(0, 3, 2), std::tuple(2, 1, 0), std::tuple(4, 2, 1)));
}

TEST(Grouping, DoesNotShareABlockThatAMemberStillWrites) {
  const std::vector<std::vector<BlockId>> tables{{1, 2}, {1, 3}, {1, 4}};
  const std::vector<StepSlice> slices{decode(tables[0], 16), decode(tables[1], 31), decode(tables[2], 15)};
  EXPECT_THAT(groups_of(slices), ElementsAre(std::tuple(0, 2, 1), std::tuple(2, 1, 0)));
}

// Turns red when: slices are grouped by their first block.
TEST(Grouping, KeepsRequestsApartThatShareOnlyABeginning) {
  const std::vector<std::vector<BlockId>> tables{{1, 2, 3, 10}, {1, 2, 3, 11}, {1, 7, 8, 12}, {1, 7, 8, 13}};
  std::vector<StepSlice> slices;
  for (const auto& table : tables) slices.push_back(decode(table, 50));
  EXPECT_THAT(groups_of(slices), UnorderedElementsAre(std::tuple(0, 2, 3), std::tuple(2, 2, 3)));
}

// Turns red when: what a new member shares is not compared with the group's first.
TEST(Grouping, ComparesTablesRatherThanBelieveOneBlock) {
  const std::vector<std::vector<BlockId>> tables{{1, 2, 3, 10}, {1, 9, 3, 11}};
  const std::vector<StepSlice> slices{decode(tables[0], 50), decode(tables[1], 50)};
  EXPECT_THAT(groups_of(slices), ElementsAre(std::tuple(0, 2, 1)));
}

TEST(Grouping, CutsLargeGroupsWhenThereAreFewerItemsThanThreadsNeed) {
  std::vector<std::vector<BlockId>> tables;
  std::vector<StepSlice> slices;
  for (int i = 0; i < 20; ++i) tables.push_back({1, 10 + i});
  for (const auto& table : tables) slices.push_back(decode(table, 17));
  EXPECT_THAT(groups_of(slices, 16), ElementsAre(std::tuple(0, 20, 1)));
  EXPECT_THAT(groups_of(slices, 2),
              UnorderedElementsAre(std::tuple(0, 8, 1), std::tuple(8, 8, 1), std::tuple(16, 4, 1)));
  const std::vector<TokenId> chunk(20, 1);
  const std::vector<BlockId> table{60, 61};
  const StepSlice prompt{.tokens = chunk, .blocks = table};
  EXPECT_THAT(groups_of({&prompt, 1}, 2), ElementsAre(std::tuple(0, 20, 2)));
}

std::vector<TokenId> text(std::size_t length, int salt) {
  std::vector<TokenId> ids(length);
  for (std::size_t i = 0; i < length; ++i)
    ids[i] = static_cast<TokenId>((i * i * 31 + salt * 1009 + 5) % 8192);
  return ids;
}

/// Suggestions for one prompt, with texts of their own behind it, decoding their last token together.
std::vector<float> decode_together(CpuModel& model, int prompt, int members, bool share) {
  Blocks blocks(model);
  const auto ids = text(prompt, 0);
  auto prompt_table = blocks.take_for(prompt + 1);
  static_cast<void>(prefill(model, ids, prompt_table));
  std::vector<std::vector<BlockId>> tables;
  std::vector<StepSlice> slices;
  for (int m = 0; m < members; ++m) {
    const int own = m * 7 % 20;  // positions behind the prompt
    auto& table = tables.emplace_back(blocks.take_for(prompt + own + 1));
    for (int b = 0; b <= prompt / 16; ++b) {
      if (share && b < prompt / 16)
        table[b] = prompt_table[b];
      else
        model.copy_block(prompt_table[b], table[b]);
    }
    if (own > 0) {
      const auto rest = text(own, m + 1);
      const StepSlice slice{.tokens = rest, .first_position = prompt, .blocks = table};
      model.step({&slice, 1});
    }
  }
  for (int m = 0; m < members; ++m) slices.push_back(decode(tables[m], prompt + m * 7 % 20));
  return run(model, slices);
}

class GroupedStep : public ::testing::TestWithParam<std::pair<KvType, int>> {};

INSTANTIATE_TEST_SUITE_P(TypesAndThreads, GroupedStep,
                         ::testing::Values(std::pair{KvType::kFp32, 1}, std::pair{KvType::kFp32, 2},
                                           std::pair{KvType::kFp32, 3}, std::pair{KvType::kFp16, 2},
                                           std::pair{KvType::kInt8, 1}, std::pair{KvType::kInt8, 2},
                                           std::pair{KvType::kInt8, 3}));

// Turns red when: one block too many is taken for shared.
TEST_P(GroupedStep, HasTheSameBitsWhetherBlocksAreSharedOrCopies) {
  const auto model = load_model(
      kSource / "models/gpt2-demo",
      {.kv_dtype = GetParam().first, .threads = GetParam().second, .kv_bytes = std::size_t{256} << 20});
  for (const auto& [prompt, members] : {std::pair{100, 5}, {96, 32}, {15, 3}, {33, 1}, {31, 17}}) {
    const auto grouped = decode_together(*model, prompt, members, true);
    const auto apart = decode_together(*model, prompt, members, false);
    ASSERT_EQ(grouped.size(), apart.size());
    EXPECT_EQ(std::memcmp(grouped.data(), apart.data(), grouped.size() * sizeof(float)), 0)
        << prompt << " positions, " << members << " members";
  }
}

struct SmallCache {
  KvType type;
  float allowed;    ///< share of the largest logit
  double memory;    ///< against 32 bits
  int block_bytes;  ///< of the tiny model
};

class CacheOfFewerBits : public ::testing::TestWithParam<SmallCache> {};

INSTANTIATE_TEST_SUITE_P(Types, CacheOfFewerBits,
                         ::testing::Values(SmallCache{KvType::kFp16, 2e-3F, 0.5, 6144},
                                           SmallCache{KvType::kInt8, 2e-2F, 0.25 + 1.0 / 64, 4096}));

TEST_P(CacheOfFewerBits, ChangesLogitsByLittle) {
  const auto full = load(kSource / "models/gpt2-demo");
  const auto small = load_model(kSource / "models/gpt2-demo",
                                {.kv_dtype = GetParam().type, .kv_bytes = std::size_t{256} << 20});
  const auto ids = text(400, 3);
  const auto expected = prefill(*full, ids, Blocks(*full).take_for(400));
  const auto found = prefill(*small, ids, Blocks(*small).take_for(400));
  const auto [reached, allowed] = difference(found, expected);
  std::printf("largest difference %.2e of logits up to %.1f\n", reached, allowed * 1e4F);
  EXPECT_LE(reached, allowed * 1e4F * GetParam().allowed);
  EXPECT_GT(reached, 0);
}

std::size_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::size_t all = 0, resident = 0;
  statm >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Resident memory of a gpt2-medium's cache with so many blocks written.
std::size_t resident_bytes_of_cache(KvType type, int blocks) {
  const Config config{.context_length = 1024, .width = 1024, .layers = 24, .heads = 16};
  KvCache cache(config, type, std::size_t{1} << 30);
  const std::size_t before = resident_bytes();
  for (int block = 1; block <= blocks; ++block) cache.copy(0, block);
  return resident_bytes() - before;
}

// Turns red when: the cache is laid out in floats.
TEST_P(CacheOfFewerBits, TakesLessMemory) {
  constexpr int kBlocks = 40;
  const auto full = static_cast<double>(resident_bytes_of_cache(KvType::kFp32, kBlocks));
  const auto small = static_cast<double>(resident_bytes_of_cache(GetParam().type, kBlocks));
  std::printf("keys and values of a gpt2-medium: %.0f bytes a token in 32 bits, here %.0f\n",
              full / kBlocks / 16, small / kBlocks / 16);
  EXPECT_NEAR(full, kBlocks * 16.0 * 24 * 2 * 1024 * 4, 4e6);
  EXPECT_NEAR(small / full, GetParam().memory, 0.05);
}

TEST_P(CacheOfFewerBits, HasMoreBlocks) {
  const std::size_t bytes = std::size_t{10} * GetParam().block_bytes + 100;
  const auto model =
      load_model(kData / "tiny", {.kv_dtype = GetParam().type, .threads = 1, .kv_bytes = bytes});
  EXPECT_EQ(model->shape().kv_blocks, 10);
}

}  // namespace
}  // namespace inkfleet::gpt2
