#include "tokenizer/added_tokens.hpp"

#include <algorithm>

#include "tokenizer/char_class.hpp"

namespace inkfleet::tokenizer {
namespace {

unsigned char first_byte(const AddedToken& token) {
  return static_cast<unsigned char>(token.content[0]);
}

bool is_space(std::string_view text, std::size_t at, std::size_t& length) {
  return CharClasses::instance().at(text, at, length) == CharClass::kSpace;
}

bool word_before(std::string_view text, std::size_t end) {
  std::size_t length = 0;
  return end > 0 && is_word_character(code_point_at(text, previous_character(text, end), length));
}

bool word_after(std::string_view text, std::size_t begin) {
  std::size_t length = 0;
  return begin < text.size() && is_word_character(code_point_at(text, begin, length));
}

/// Where the white space before `end` begins, but not before `limit`.
std::size_t skip_spaces_back(std::string_view text, std::size_t end, std::size_t limit) {
  std::size_t length = 0;
  while (end > limit) {
    const std::size_t before = previous_character(text, end);
    if (!is_space(text, before, length)) break;
    end = before;
  }
  return end;
}

std::size_t skip_spaces(std::string_view text, std::size_t at) {
  std::size_t length = 0;
  while (at < text.size() && is_space(text, at, length)) at += length;
  return at;
}

}  // namespace

TokenFinder::TokenFinder(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::sort(tokens_.begin(), tokens_.end(), [](const AddedToken& a, const AddedToken& b) {
    if (first_byte(a) != first_byte(b)) return first_byte(a) < first_byte(b);
    return a.content.size() > b.content.size();
  });
  for (const AddedToken& token : tokens_) ++first_[first_byte(token) + 1];
  for (std::size_t byte = 0; byte < 256; ++byte) first_[byte + 1] += first_[byte];
}

const AddedToken* TokenFinder::longest_at(std::string_view text, std::size_t at) const {
  const auto byte = static_cast<unsigned char>(text[at]);
  for (std::size_t i = first_[byte]; i < first_[byte + 1]; ++i) {
    if (text.substr(at, tokens_[i].content.size()) == tokens_[i].content) return &tokens_[i];
  }
  return nullptr;
}

bool TokenFinder::find(std::string_view text, std::size_t done, Match& match) const {
  if (tokens_.empty()) return false;
  std::size_t at = match.search_from;
  while (at < text.size()) {
    const AddedToken* token = longest_at(text, at);
    if (!token) {
      ++at;
      continue;
    }
    const std::size_t end = at + token->content.size();
    if (token->single_word && (word_before(text, at) || word_after(text, end))) {
      at = end;
      continue;
    }
    match = {token, token->lstrip ? skip_spaces_back(text, at, done) : at,
             token->rstrip ? skip_spaces(text, end) : end, end};
    return true;
  }
  return false;
}

}  // namespace inkfleet::tokenizer
