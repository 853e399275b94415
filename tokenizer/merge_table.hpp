#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "tokenizer/tokenizer.hpp"

namespace inkfleet::tokenizer {

/// What two neighbouring tokens become, and how early: the lowest rank is merged first.
struct Merge {
  static constexpr std::uint32_t kNever = std::numeric_limits<std::uint32_t>::max();

  std::uint32_t rank = kNever;
  TokenId merged = -1;
};

/// The merges of a vocabulary: an open-addressing hash table from (left, right), 16 bytes an entry, at most
/// half full.
class MergeTable {
 public:
  /// Room for `count` merges.
  explicit MergeTable(std::size_t count);

  /// Of two merges of the same pair the later stands, as in the `tokenizers` package.
  void insert(TokenId left, TokenId right, Merge merge);

  /// The merge of a pair; rank kNever if there is none.
  [[nodiscard]] Merge find(TokenId left, TokenId right) const {
    const std::uint64_t key = key_of(left, right);
    for (std::size_t slot = slot_of(key);; slot = (slot + 1) & mask_) {
      const Entry& entry = entries_[slot];
      if (entry.key == key) return entry.merge;
      if (entry.key == kEmpty) return {};
    }
  }

 private:
  static constexpr std::uint64_t kEmpty = std::numeric_limits<std::uint64_t>::max();

  struct Entry {
    std::uint64_t key = kEmpty;
    Merge merge;
  };

  static std::uint64_t key_of(TokenId left, TokenId right) {
    return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint32_t>(right);
  }
  [[nodiscard]] std::size_t slot_of(std::uint64_t key) const {
    return (key * 0x9E3779B97F4A7C15) >> shift_;  // Fibonacci hashing: the high bits are the mixed ones
  }

  int shift_;
  std::size_t mask_;
  std::vector<Entry> entries_;
};

}  // namespace inkfleet::tokenizer
