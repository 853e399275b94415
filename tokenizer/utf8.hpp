#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// UTF-8 as the Unicode Standard defines it (table 3-7: no overlong forms, no surrogates, nothing above
/// U+10FFFF), and its repair: one U+FFFD for each maximal subpart of an ill-formed sequence (section 3.9),
/// which is what Python's errors="replace" and the WHATWG decoder do.
namespace inkfleet::tokenizer {

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

enum class Utf8Kind {
  kCharacter,   // one whole character
  kInvalid,     // bytes that no continuation can make a character
  kUnfinished,  // the beginning of a character; the rest is not there
};

struct Utf8Part {
  Utf8Kind kind;
  std::size_t length;  // bytes, at least 1
};

/// What `bytes` begins with. `bytes` must not be empty.
Utf8Part first_part(std::string_view bytes);

/// Length of the longest prefix made of whole characters.
std::size_t valid_prefix(std::string_view bytes);

/// Appends `bytes` repaired to `text`, up to an unfinished character at the end. Returns the bytes used.
std::size_t append_repaired(std::string_view bytes, std::string& text);

/// `bytes` repaired, an unfinished character at the end included.
std::string repaired(std::string_view bytes);

/// The code point of the character at `at` in valid UTF-8, and its length through `length`.
inline char32_t code_point_at(std::string_view valid, std::size_t at, std::size_t& length) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(valid[at + i]); };
  const auto tail = [&](std::size_t i) { return static_cast<char32_t>(byte(i) & 0x3F); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return length = 1, lead;
  if (lead < 0xE0) return length = 2, (lead & 0x1F) << 6 | tail(1);
  if (lead < 0xF0) return length = 3, (lead & 0x0F) << 12 | tail(1) << 6 | tail(2);
  return length = 4, (lead & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3);
}

/// Where the character that ends before `end` begins, in valid UTF-8. `end` must not be 0.
inline std::size_t previous_character(std::string_view valid, std::size_t end) {
  do --end;
  while ((static_cast<unsigned char>(valid[end]) & 0xC0) == 0x80);
  return end;
}

void append_code_point(char32_t code_point, std::string& text);

}  // namespace inkfleet::tokenizer
