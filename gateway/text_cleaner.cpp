#include "gateway/text_cleaner.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace inkfleet::gateway {

namespace {

constexpr std::array<std::string_view, 3> kEnds{"<|endoftext|>", "<s>", "</s>"};
constexpr std::string_view kEndOfParagraph = "<eop>";
constexpr std::string_view kUnknown = "<unk>";
constexpr std::array<std::string_view, 5> kMarkers{"<|endoftext|>", "<s>", "</s>", kEndOfParagraph, kUnknown};

/// Python's str.isspace(), for the code points where it is true.
bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

bool continues(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

/// The character that is `bytes`; enough of UTF-8 for white space, which needs three bytes at most.
char32_t decode(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(bytes[i])); };
  switch (bytes.size()) {
    case 1:
      return at(0);
    case 2:
      return (at(0) & 0x1f) << 6 | (at(1) & 0x3f);
    case 3:
      return (at(0) & 0x0f) << 12 | (at(1) & 0x3f) << 6 | (at(2) & 0x3f);
    default:
      return 0;
  }
}

std::string_view first_character(std::string_view text) {
  std::size_t size = 1;
  while (size < text.size() && continues(text[size])) ++size;
  return text.substr(0, size);
}

std::string_view last_character(std::string_view text) {
  std::size_t begin = text.size() - 1;
  while (begin > 0 && continues(text[begin])) --begin;
  return text.substr(begin);
}

/// Where a tail begins that may yet become a marker; the size of the text when none does.
std::size_t undecided(std::string_view text) {
  const auto last = text.rfind('<');  // no marker holds a second one
  if (last == text.npos) return text.size();
  const auto tail = text.substr(last);
  const auto may_become = [&](std::string_view marker) {
    return tail.size() < marker.size() && marker.starts_with(tail);
  };
  return std::ranges::any_of(kMarkers, may_become) ? last : text.size();
}

}  // namespace

std::string_view strip(std::string_view text) {
  while (!text.empty() && is_space(decode(first_character(text))))
    text.remove_prefix(first_character(text).size());
  while (!text.empty() && is_space(decode(last_character(text))))
    text.remove_suffix(last_character(text).size());
  return text;
}

std::string clean_text(std::string_view raw, bool grows) {
  const auto stripped = strip(raw);
  const auto offset = static_cast<std::size_t>(stripped.data() - raw.data());
  const auto limit = grows ? std::max(undecided(raw), offset) - offset : stripped.size();
  auto rest = stripped.substr(0, limit);

  std::string clean;
  while (!rest.empty()) {
    const auto plain = std::min(rest.find('<'), rest.size());
    clean += rest.substr(0, plain);
    rest.remove_prefix(plain);
    const auto begins_with = [&](std::string_view marker) { return rest.starts_with(marker); };
    if (std::ranges::any_of(kEnds, begins_with)) break;
    if (begins_with(kEndOfParagraph)) clean += "\n\n";
    const auto marker = std::ranges::find_if(kMarkers, begins_with);
    if (marker == kMarkers.end()) clean += rest.substr(0, 1);
    rest.remove_prefix(marker == kMarkers.end() ? std::min<std::size_t>(1, rest.size()) : marker->size());
  }
  return clean;
}

}  // namespace inkfleet::gateway
