#include "tokenizer/word_cache.hpp"

#include <algorithm>
#include <cstring>

namespace inkfleet::tokenizer {

WordCache::Key::Key(std::string_view word, std::uint32_t owner)
    : length(static_cast<std::uint32_t>(word.size())), owner(owner) {
  std::memcpy(bytes.data(), word.data(), word.size());
}

WordCache& WordCache::of_this_thread() {
  static thread_local WordCache cache;
  return cache;
}

std::size_t WordCache::slot_of(const Key& key) {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;
  std::uint64_t hash = key.owner;
  for (const std::uint64_t part : key.bytes) hash = ((hash ^ part) * kOdd) ^ (hash >> 29);
  return (hash * kOdd) >> (64 - kSlotBits);
}

void WordCache::store(const Key& key, std::span<const TokenId> tokens) {
  if (tokens.size() > kMaxTokens) return;
  Slot& slot = slots_[slot_of(key)];
  slot.key = key;
  slot.count = static_cast<std::uint32_t>(tokens.size());
  std::copy(tokens.begin(), tokens.end(), slot.tokens.begin());
}

}  // namespace inkfleet::tokenizer
