#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "tokenizer/tokenizer.hpp"

namespace inkfleet::tokenizer {

/// Tokens of short words met before: a direct-mapped cache of fixed size (512 KiB), one for each thread that
/// encodes, so without locks. Shared by all tokenizers of the thread; each passes its own `owner`.
class WordCache {
 public:
  static constexpr std::size_t kMaxBytes = 24;
  static constexpr std::size_t kMaxTokens = 6;

  /// A word with zeros after it, its length and whose word it is: compared as a whole.
  struct Key {
    std::array<std::uint64_t, kMaxBytes / 8> bytes{};
    std::uint32_t length = 0;
    std::uint32_t owner = 0;  // not 0: that is an empty slot

    Key() = default;
    /// `word` has at most kMaxBytes.
    Key(std::string_view word, std::uint32_t owner);
    bool operator==(const Key&) const = default;
  };

  static WordCache& of_this_thread();

  /// The word's tokens, empty if unknown. Good until the next store().
  [[nodiscard]] std::span<const TokenId> find(const Key& key) const {
    const Slot& slot = slots_[slot_of(key)];
    return slot.key == key ? std::span(slot.tokens).first(slot.count) : std::span<const TokenId>();
  }

  /// Remembers a word, in place of another; one of more than kMaxTokens is not kept.
  void store(const Key& key, std::span<const TokenId> tokens);

 private:
  static constexpr int kSlotBits = 13;

  struct alignas(64) Slot {
    Key key;
    std::uint32_t count = 0;
    std::array<TokenId, kMaxTokens> tokens{};
  };

  static std::size_t slot_of(const Key& key);

  std::unique_ptr<Slot[]> slots_ = std::make_unique<Slot[]>(std::size_t{1} << kSlotBits);
};

}  // namespace inkfleet::tokenizer
