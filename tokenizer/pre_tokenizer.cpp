#include "tokenizer/pre_tokenizer.hpp"

#include "tokenizer/char_class.hpp"

namespace inkfleet::tokenizer {
namespace {

/// Length of the contraction that `text` begins with, or 0. Lower case and the ASCII apostrophe only.
std::size_t contraction(std::string_view text) {
  if (text.size() < 2) return 0;
  switch (text[1]) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 2;
    case 'r':
    case 'v':
      return text.size() > 2 && text[2] == 'e' ? 3 : 0;
    case 'l':
      return text.size() > 2 && text[2] == 'l' ? 3 : 0;
    default:
      return 0;
  }
}

/// End of the run of white space at `begin`, less its last character if a word follows.
std::size_t space_end(const CharClasses& classes, std::string_view text, std::size_t begin) {
  std::size_t last = begin;
  std::size_t end = begin;
  std::size_t length = 0;
  while (end < text.size() && classes.at(text, end, length) == CharClass::kSpace) {
    last = end;
    end += length;
  }
  return end == text.size() || last == begin ? end : last;
}

}  // namespace

std::size_t word_end(std::string_view valid, std::size_t begin) {
  static const CharClasses& classes = CharClasses::instance();
  if (valid[begin] == '\'') {
    if (const std::size_t length = contraction(valid.substr(begin))) return begin + length;
  }
  std::size_t length = 0;
  std::size_t end = begin;
  CharClass first = classes.at(valid, end, length);
  if (valid[begin] == ' ' && begin + 1 < valid.size()) first = classes.at(valid, ++end, length);
  if (first == CharClass::kSpace) return space_end(classes, valid, begin);
  do end += length;
  while (end < valid.size() && classes.at(valid, end, length) == first);
  return end;
}

}  // namespace inkfleet::tokenizer
