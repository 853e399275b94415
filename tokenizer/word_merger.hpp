#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/merge_table.hpp"

namespace inkfleet::tokenizer {

/// Byte-pair encoding of one word (Sennrich et al. 2016, arXiv:1508.07909): starting from its bytes, the
/// neighbours with the lowest rank are merged, the leftmost first, until no merge applies.
///
/// Short words scan for the next merge, O(n^2) on arrays that fit in a few cache lines; long ones (a page of
/// 'a' is one word) take it from a heap, O(n log n). Keeps its working memory between words: one merger
/// serves one thread.
class WordMerger {
 public:
  static constexpr std::size_t kScanLimit = 64;  // bytes; longer words use the heap

  WordMerger(const MergeTable& merges, const std::array<TokenId, 256>& byte_ids)
      : merges_(merges), byte_ids_(byte_ids) {}

  /// Appends the tokens of `word` to `ids`.
  void merge(std::string_view word, std::vector<TokenId>& ids) {
    word.size() <= kScanLimit ? merge_by_scan(word, ids) : merge_by_heap(word, ids);
  }

 private:
  struct Symbol {
    TokenId id;
    std::int32_t previous, next;  // -1 at the ends
    Merge with_next;              // what this symbol and its next become
  };

  void merge_by_scan(std::string_view word, std::vector<TokenId>& ids);
  void merge_by_heap(std::string_view word, std::vector<TokenId>& ids);
  void start(std::string_view word);
  void pair_up(std::int32_t at);
  void push(std::int32_t at);
  std::uint64_t pop();
  void join_with_next(std::int32_t at);

  const MergeTable& merges_;
  const std::array<TokenId, 256>& byte_ids_;
  std::vector<Symbol> symbols_;      // a linked list in an array; an index is the position in the word
  std::vector<std::uint64_t> heap_;  // rank << 32 | position; entries go stale when a neighbour is merged
};

}  // namespace inkfleet::tokenizer
