#include "tokenizer/merge_table.hpp"

#include <algorithm>
#include <bit>

namespace inkfleet::tokenizer {

MergeTable::MergeTable(std::size_t count) {
  const std::size_t slots = std::bit_ceil(std::max<std::size_t>(2 * count, 2));
  shift_ = 64 - std::countr_zero(slots);
  mask_ = slots - 1;
  entries_.resize(slots);
}

void MergeTable::insert(TokenId left, TokenId right, Merge merge) {
  const std::uint64_t key = key_of(left, right);
  std::size_t slot = slot_of(key);
  while (entries_[slot].key != kEmpty && entries_[slot].key != key) slot = (slot + 1) & mask_;
  entries_[slot] = {key, merge};
}

}  // namespace inkfleet::tokenizer
