#include "tokenizer/char_class.hpp"

#include <utf8proc.h>

#include <algorithm>

namespace inkfleet::tokenizer {
namespace {

using Block = std::array<CharClass, 256>;

bool within(char32_t code_point, char32_t first, char32_t last) {
  return first <= code_point && code_point <= last;
}

CharClass classify(char32_t code_point) {
  // White_Space is the separators and these controls.
  if (within(code_point, 0x09, 0x0D) || code_point == 0x85) return CharClass::kSpace;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code_point))) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return CharClass::kSpace;
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
      return CharClass::kLetter;
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return CharClass::kNumber;
    default:
      return CharClass::kOther;
  }
}

Block classify_block(std::size_t block) {
  Block classes;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    classes[i] = classify(static_cast<char32_t>(block << 8 | i));
  }
  return classes;
}

}  // namespace

const CharClasses& CharClasses::instance() {
  static const CharClasses classes;
  return classes;
}

CharClasses::CharClasses() {
  std::vector<Block> distinct;
  for (std::size_t block = 0; block < kBlockCount; ++block) {
    const Block classes = classify_block(block);
    const auto known = std::find(distinct.begin(), distinct.end(), classes);
    block_of_[block] = static_cast<std::uint16_t>(known - distinct.begin());
    if (known == distinct.end()) distinct.push_back(classes);
  }
  for (const Block& classes : distinct) blocks_.insert(blocks_.end(), classes.begin(), classes.end());
}

bool is_word_character(char32_t code_point) {
  // Alphabetic is L, Nl, some marks, and these circled and squared letters.
  if (within(code_point, 0x24B6, 0x24E9) || within(code_point, 0x1F130, 0x1F149) ||
      within(code_point, 0x1F150, 0x1F169) || within(code_point, 0x1F170, 0x1F189)) {
    return true;
  }
  if (code_point == 0x200C || code_point == 0x200D) return true;  // Join_Control
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(code_point))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return CharClasses::instance().of(code_point) == CharClass::kLetter;
  }
}

}  // namespace inkfleet::tokenizer
