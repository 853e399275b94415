#include <sentencepiece_processor.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <string>

#include "tokenizer/added_tokens.hpp"
#include "tokenizer/loading.hpp"
#include "tokenizer/utf8.hpp"

namespace inkfleet::tokenizer {

namespace {

using sentencepiece::SentencePieceProcessor;

constexpr std::string_view kSpace = "\xE2\x96\x81";      // U+2581, a space in pieces
constexpr std::string_view kUnknown = " \xE2\x81\x87 ";  // what the library spells an unknown piece as
constexpr std::size_t kByteDigits = std::string_view("<0x").size();  // of "<0xE3>"

/// What a piece adds to a text that has begun.
std::string bytes_of(const SentencePieceProcessor& pieces, TokenId id) {
  if (pieces.IsControl(id)) return "";
  if (pieces.IsUnknown(id)) return std::string(kUnknown);
  auto piece = pieces.IdToPiece(id);
  if (pieces.IsByte(id)) return {static_cast<char>(std::stoi(piece.substr(kByteDigits, 2), nullptr, 16))};
  for (auto at = piece.find(kSpace); at != piece.npos; at = piece.find(kSpace, at)) {
    piece.replace(at, kSpace.size(), " ");
  }
  return piece;
}

std::vector<AddedToken> control_tokens(const SentencePieceProcessor& pieces) {
  std::vector<AddedToken> tokens;
  for (TokenId id = 0; id < pieces.GetPieceSize(); ++id) {
    if (pieces.IsControl(id)) tokens.push_back({.id = id, .content = pieces.IdToPiece(id), .special = true});
  }
  return tokens;
}

/// The library's encoding, between the control tokens that stand in the text.
class SentencePiece : public Tokenizer {
 public:
  explicit SentencePiece(std::unique_ptr<SentencePieceProcessor> pieces)
      : pieces_(std::move(pieces)), finder_(control_tokens(*pieces_)) {
    for (TokenId id = 0; id < pieces_->GetPieceSize(); ++id) bytes_.push_back(bytes_of(*pieces_, id));
  }

  [[nodiscard]] int vocab_size() const override { return static_cast<int>(bytes_.size()); }

  [[nodiscard]] std::vector<TokenId> encode(std::string_view text) const override {
    std::vector<TokenId> ids;
    const auto encode_stretch = [&](std::string_view stretch) {
      const auto part = pieces_->EncodeAsIds(stretch);
      ids.insert(ids.end(), part.begin(), part.end());
    };
    finder_.split(repaired(text), encode_stretch, [&](TokenId id) { ids.push_back(id); });
    return ids;
  }

  [[nodiscard]] std::string_view token_bytes(TokenId id) const override {
    return id < 0 || id >= vocab_size() ? std::string_view() : bytes_[static_cast<std::size_t>(id)];
  }

  [[nodiscard]] TokenId special_token(std::string_view text) const override {
    const auto id = pieces_->PieceToId(text);
    return pieces_->IsControl(id) ? id : -1;
  }

  /// The library's own, which knows whether the vocabulary puts a space before a text.
  [[nodiscard]] std::string decode(std::span<const TokenId> tokens) const override {
    std::vector<int> ids;
    std::ranges::copy_if(tokens, std::back_inserter(ids),
                         [this](TokenId id) { return id >= 0 && id < vocab_size(); });
    return pieces_->DecodeIds(ids);
  }

 private:
  std::unique_ptr<SentencePieceProcessor> pieces_;
  TokenFinder finder_;
  std::vector<std::string> bytes_;
};

}  // namespace

std::unique_ptr<Tokenizer> load_sentencepiece(const std::filesystem::path& file) {
  auto pieces = std::make_unique<SentencePieceProcessor>();
  const auto status = pieces->LoadFromSerializedProto(read_file(file));
  if (!status.ok()) fail(file.string(), "a vocabulary of SentencePiece", status.ToString());
  return std::make_unique<SentencePiece>(std::move(pieces));
}

}  // namespace inkfleet::tokenizer
