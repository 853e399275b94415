#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/tokenizer.hpp"

namespace inkfleet::tokenizer {

/// A token recognised in the text itself, before any splitting; the flags are tokenizer.json's.
struct AddedToken {
  TokenId id = -1;
  std::string content;
  bool special = false;      // a control token, such as <|endoftext|>
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space after it
  bool single_word = false;  // only where no word character touches it
  bool normalized = false;   // looked for after all tokens that are not
};

/// Finds tokens in text: at each place the longest, from left to right, as the `tokenizers` package's
/// AddedVocabulary does. A match that `single_word` rejects still uses up its text, also as there.
class TokenFinder {
 public:
  explicit TokenFinder(std::vector<AddedToken> tokens);

  /// Calls on_text(std::string_view) for each stretch without tokens and on_token(TokenId) for each token, in
  /// order. `text` is valid UTF-8.
  template <class OnText, class OnToken>
  void split(std::string_view text, OnText on_text, OnToken on_token) const {
    Match match;
    std::size_t done = 0;
    while (find(text, done, match)) {
      if (match.begin > done) on_text(text.substr(done, match.begin - done));
      on_token(match.token->id);
      done = match.end;
    }
    if (done < text.size()) on_text(text.substr(done));
  }

 private:
  struct Match {
    const AddedToken* token = nullptr;
    std::size_t begin = 0, end = 0;  // stripped white space included
    std::size_t search_from = 0;     // the end of the content alone
  };

  /// The next match, searched from match.search_from; text before `done` is taken.
  bool find(std::string_view text, std::size_t done, Match& match) const;
  [[nodiscard]] const AddedToken* longest_at(std::string_view text, std::size_t at) const;

  std::vector<AddedToken> tokens_;        // by first byte, the longest first
  std::array<std::size_t, 257> first_{};  // tokens that begin with byte b: first_[b] to first_[b + 1]
};

}  // namespace inkfleet::tokenizer
