#include "tokenizer/word_merger.hpp"

#include <gtest/gtest.h>

#include <random>

namespace inkfleet::tokenizer {
namespace {

/// The definition, without any cleverness: of all neighbours that merge, the lowest rank, the leftmost of it.
std::vector<TokenId> merge_by_definition(const MergeTable& merges, std::vector<TokenId> tokens) {
  while (true) {
    Merge best;
    std::size_t where = 0;
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
      const Merge merge = merges.find(tokens[i], tokens[i + 1]);
      if (merge.rank < best.rank) best = merge, where = i;
    }
    if (best.rank == Merge::kNever) return tokens;
    tokens[where] = best.merged;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(where) + 1);
  }
}

// Random merges over four letters, ranks in no sensible order, words on both sides of the limit between
// scanning and the heap.
// Turns red when: a stale entry of the heap is not told from a good one; the scan takes the last of equal
// ranks.
TEST(WordMerger, FollowsTheDefinitionWithAnyMerges) {
  std::mt19937 random(42);
  const auto below = [&](std::uint32_t limit) { return static_cast<std::uint32_t>(random() % limit); };
  std::array<TokenId, 256> byte_ids{};
  for (int i = 0; i < 4; ++i) byte_ids['a' + i] = i;

  for (int round = 0; round < 300; ++round) {
    MergeTable merges(60);
    for (TokenId merged = 4; merged < 64; ++merged) {
      merges.insert(static_cast<TokenId>(below(merged)), static_cast<TokenId>(below(merged)),
                    {below(40), merged});
    }
    WordMerger merger(merges, byte_ids);
    for (const std::size_t length : {1u, 2u, 7u, 63u, 64u, 65u, 66u, 200u}) {
      std::string word;
      std::vector<TokenId> bytes;
      for (std::size_t i = 0; i < length; ++i) {
        word += static_cast<char>('a' + below(4));
        bytes.push_back(byte_ids[static_cast<unsigned char>(word.back())]);
      }
      std::vector<TokenId> ids;
      merger.merge(word, ids);
      ASSERT_EQ(ids, merge_by_definition(merges, bytes)) << word;
    }
  }
}

TEST(MergeTable, FindsWhatWasInsertedAndTheLaterOfTwo) {
  MergeTable merges(3);
  EXPECT_EQ(merges.find(0, 0).rank, Merge::kNever);
  merges.insert(1, 2, {0, 10});
  merges.insert(2, 1, {1, 11});
  merges.insert(1, 2, {2, 12});
  EXPECT_EQ(merges.find(1, 2).merged, 12);
  EXPECT_EQ(merges.find(1, 2).rank, 2u);
  EXPECT_EQ(merges.find(2, 1).merged, 11);
  EXPECT_EQ(merges.find(2, 2).rank, Merge::kNever);
}

}  // namespace
}  // namespace inkfleet::tokenizer
