#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizer/utf8.hpp"

namespace inkfleet::tokenizer {

/// The four kinds of character that GPT-2's split pattern tells apart.
enum class CharClass : std::uint8_t {
  kOther,
  kSpace,   // \s: the property White_Space
  kLetter,  // \p{L}
  kNumber,  // \p{N}
};

/// Class of every code point: a two-stage table (blocks of 256 code points, equal blocks kept once) filled
/// from utf8proc's general categories (Unicode 15.0 with utf8proc 2.8) on first use.
class CharClasses {
 public:
  static const CharClasses& instance();

  [[nodiscard]] CharClass of(char32_t code_point) const {
    return blocks_[block_of_[code_point >> 8] << 8 | (code_point & 0xFF)];
  }

  /// Class of the character at `at` in valid UTF-8, and its length through `length`.
  [[nodiscard]] CharClass at(std::string_view valid, std::size_t at, std::size_t& length) const {
    const auto byte = static_cast<unsigned char>(valid[at]);
    if (byte < 0x80) return length = 1, blocks_[byte];  // block 0 is the first 256 code points
    return of(code_point_at(valid, at, length));
  }

 private:
  CharClasses();

  static constexpr std::size_t kBlockCount = 0x110000 >> 8;
  std::array<std::uint16_t, kBlockCount> block_of_{};
  std::vector<CharClass> blocks_;
};

/// \w of Unicode regular expressions (UTS 18: Alphabetic, M, Nd, Pc, Join_Control).
bool is_word_character(char32_t code_point);

}  // namespace inkfleet::tokenizer
