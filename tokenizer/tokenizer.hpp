#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace inkfleet::tokenizer {

/// Index into the vocabulary.
using TokenId = std::int32_t;

/// Text to token ids and back. Immutable after loading, so any number of threads may share one.
/// Byte-level BPE is tokenizer/bpe.hpp, SentencePiece load_sentencepiece.cpp.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  [[nodiscard]] virtual int vocab_size() const = 0;

  /// Token ids of a text, special tokens recognised. The text is UTF-8; invalid bytes are read as U+FFFD the
  /// way Python's errors="replace" does.
  [[nodiscard]] virtual std::vector<TokenId> encode(std::string_view text) const = 0;

  /// The bytes one token adds to a text that has begun, not necessarily whole characters. Empty for ids out
  /// of range.
  [[nodiscard]] virtual std::string_view token_bytes(TokenId id) const = 0;

  /// Id of a special token such as "<|endoftext|>", or -1.
  [[nodiscard]] virtual TokenId special_token(std::string_view text) const = 0;

  /// The text of `tokens`, which begin it: their bytes together, what is not UTF-8 as U+FFFD
  /// (tokenizer/stream_decoder.hpp).
  [[nodiscard]] virtual std::string decode(std::span<const TokenId> tokens) const;
};

/// Loads the tokenizer of a model folder of the Hugging Face layout: `spiece.model` or `tokenizer.model`,
/// else `tokenizer.json`, else `vocab.json` with `merges.txt`. Throws std::runtime_error naming file, key,
/// expected and found.
///
/// A .model is SentencePiece's, read by its library. Its control pieces, such as "</s>", are recognised in
/// text, and spell nothing.
///
/// From tokenizer.json: byte-level BPE and added tokens with all their flags, as the `tokenizers` package
/// reads it; truncation and padding are left to the caller. With vocab.json, special tokens are
/// `<|endoftext|>` and those that added_tokens.json, tokenizer_config.json and special_tokens_map.json name,
/// if they have an id. Ids must be 0 to N-1 without gaps, and each of the 256 bytes must be a token.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& model_folder);

}  // namespace inkfleet::tokenizer
