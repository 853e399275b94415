#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace inkfleet::tokenizer {

/// Index into the vocabulary.
using TokenId = std::int32_t;

/// Text to token ids and back. Immutable after loading, so any number of threads may share one.
/// Byte-level BPE is tokenizer/bpe.hpp.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  [[nodiscard]] virtual int vocab_size() const = 0;

  /// Token ids of a text, special tokens recognised. The text is UTF-8; invalid bytes are read as U+FFFD the
  /// way Python's errors="replace" does.
  [[nodiscard]] virtual std::vector<TokenId> encode(std::string_view text) const = 0;

  /// The bytes one token stands for, not necessarily whole characters. Empty for ids out of range.
  [[nodiscard]] virtual std::string_view token_bytes(TokenId id) const = 0;

  /// Id of a special token such as "<|endoftext|>", or -1.
  [[nodiscard]] virtual TokenId special_token(std::string_view text) const = 0;
};

/// Loads the tokenizer of a model folder of the Hugging Face layout: `tokenizer.json`, else `vocab.json` with
/// `merges.txt`. Throws std::runtime_error naming file, key, expected and found.
std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& model_folder);

}  // namespace inkfleet::tokenizer
