#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proto/frames.hpp"
#include "tokenizer/tokenizer.hpp"

/// Token healing: typing stops inside words and after spaces, where the prompt's last token is not the one a
/// whole text would have there ("th" + " the"). That token is taken back, and generation begins by spelling
/// its bytes again, in whichever tokens the model prefers.
namespace inkfleet::engine {

/// Takes the last token back and returns its bytes; nothing is taken from an empty prompt, and no special
/// token is. A pure function of prompt and vocabulary.
std::string take_back(std::vector<proto::TokenId>& prompt, const tokenizer::Tokenizer& tokenizer);

/// The same for the tokens of a text. Some vocabularies, SentencePiece's, drop white space at a text's end:
/// one space is spelled after the token then, so that no word begins with a second.
std::string take_back(std::vector<proto::TokenId>& prompt, std::string_view text,
                      const tokenizer::Tokenizer& tokenizer);

/// Whether tokens that spell `text` go on with `again`, or do not yet reach its end.
bool spells(std::string_view text, std::string_view again);

/// Answers which tokens may come next while bytes are still to be spelled again. One thread.
class HealingVocabulary {
 public:
  /// The tokenizer must outlive this object. Sorts the vocabulary when first asked.
  explicit HealingVocabulary(const tokenizer::Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  /// The tokens that begin with `rest` or are a beginning of it, in ascending order; never empty when each
  /// byte is a token. `rest` is not empty. Valid until the next call.
  const std::vector<proto::TokenId>& allowed(std::string_view rest);

 private:
  using Entry = std::pair<std::string_view, proto::TokenId>;

  void sort_vocabulary();

  const tokenizer::Tokenizer& tokenizer_;
  std::vector<Entry> sorted_;  // by bytes, without special tokens
  std::string last_rest_;
  std::vector<proto::TokenId> allowed_;  // for last_rest_: siblings ask the same
};

}  // namespace inkfleet::engine
