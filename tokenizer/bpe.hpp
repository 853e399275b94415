#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/added_tokens.hpp"
#include "tokenizer/merge_table.hpp"
#include "tokenizer/tokenizer.hpp"

namespace inkfleet::tokenizer {

class WordCache;
class WordMerger;

/// What a byte-level BPE is made of. Built from files by tokenizer/loading.hpp.
struct BpeModel {
  std::vector<std::string> token_bytes;  // by id
  std::array<TokenId, 256> byte_ids{};   // the token of each single byte
  MergeTable merges{0};
  std::vector<AddedToken> added;  // each with an id below token_bytes.size()
  bool add_prefix_space = false;  // a space before each stretch of text that begins with none
  bool split_words = true;        // by GPT-2's pattern; else a stretch of text is one word
};

/// GPT-2's tokenizer (Radford et al. 2019; openai/gpt-2, src/encoder.py): text is cut at special tokens,
/// the rest into words (tokenizer/pre_tokenizer.hpp), and the UTF-8 bytes of each word are merged by rank
/// (tokenizer/word_merger.hpp). Every byte is a token, so any text can be encoded and comes back unchanged.
///
/// Time is linear in the text, times log n within a word. Shared by any number of threads; each keeps a cache
/// of words (tokenizer/word_cache.hpp).
class ByteLevelBpe final : public Tokenizer {
 public:
  explicit ByteLevelBpe(BpeModel model);

  [[nodiscard]] int vocab_size() const override { return static_cast<int>(model_.token_bytes.size()); }
  [[nodiscard]] std::vector<TokenId> encode(std::string_view text) const override;
  [[nodiscard]] std::string_view token_bytes(TokenId id) const override;
  [[nodiscard]] TokenId special_token(std::string_view text) const override;

 private:
  struct Encoding;  // one call of encode()

  [[nodiscard]] std::vector<AddedToken> added_where(bool normalized) const;
  void encode_stretch(std::string_view text, Encoding& encoding) const;
  void encode_words(std::string_view text, Encoding& encoding) const;
  void encode_word(std::string_view word, Encoding& encoding) const;

  BpeModel model_;
  TokenFinder raw_tokens_;
  TokenFinder normalized_tokens_;
  std::uint32_t cache_owner_;
};

}  // namespace inkfleet::tokenizer
