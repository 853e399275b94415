#include "proto/json.hpp"

#include <optional>

namespace inkfleet::proto {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kReplacementEscape = "\\ufffd";

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

/// The code unit of an escape `\uXXXX` at `at`, when there is one.
std::optional<unsigned> unicode_escape(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  unsigned unit = 0;
  for (std::size_t i = at + 2; i < at + 6; ++i) {
    const auto digit = hex_digit(text[i]);
    if (!digit) return std::nullopt;
    unit = unit * 16 + *digit;
  }
  return unit;
}

bool is_high_surrogate(unsigned unit) {
  return unit >= 0xD800 && unit < 0xDC00;
}
bool is_low_surrogate(unsigned unit) {
  return unit >= 0xDC00 && unit < 0xE000;
}

/// One pass over the text before the parser sees it: the parser refuses lone surrogates, would take a NUL for
/// the end, and has no limit on nesting.
class Prescan {
 public:
  explicit Prescan(std::string_view text) : text_(text) {}

  std::optional<JsonFault> run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\0') return JsonFault{"not JSON: a NUL at byte " + std::to_string(at_)};
      if (in_string_ && c == '\\') {
        escape();
        continue;
      }
      if (c == '"') in_string_ = !in_string_;
      if (!in_string_ && (c == '[' || c == '{') && ++depth_ > kJsonDepth) {
        return JsonFault{"nested deeper than " + std::to_string(kJsonDepth) + " levels"};
      }
      if (!in_string_ && (c == ']' || c == '}') && depth_ > 0) --depth_;
      ++at_;
    }
    return std::nullopt;
  }

  /// The text to parse, with U+FFFD for every lone surrogate.
  std::string_view text() {
    if (copied_ == 0) return text_;
    rewritten_.append(text_.substr(copied_));
    copied_ = text_.size();
    return rewritten_;
  }

 private:
  void escape() {
    const auto unit = unicode_escape(text_, at_);
    if (!unit) {
      at_ += 2;
      return;
    }
    const auto next = is_high_surrogate(*unit) ? unicode_escape(text_, at_ + 6) : std::nullopt;
    if (next && is_low_surrogate(*next)) {
      at_ += 12;
      return;
    }
    if (is_high_surrogate(*unit) || is_low_surrogate(*unit)) replace();
    at_ += 6;
  }

  void replace() {
    rewritten_.append(text_.substr(copied_, at_ - copied_));
    rewritten_.append(kReplacementEscape);
    copied_ = at_ + 6;
  }

  std::string_view text_;
  std::string rewritten_;
  std::size_t copied_ = 0;  // of text_, in rewritten_; 0 while nothing had to be replaced
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  bool in_string_ = false;
};

/// Length of the UTF-8 character that a text begins with (Unicode, table 3-7), or 0 when it is none.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(i < text.size() ? text[i] : 0); };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const bool overlong = lead == 0xE0 && byte(1) < 0xA0;
    const bool surrogate = lead == 0xED && byte(1) >= 0xA0;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const bool overlong = lead == 0xF0 && byte(1) < 0x90;
    const bool beyond = lead == 0xF4 && byte(1) >= 0x90;
    return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}

/// ASCII without quotes, backslashes and control characters.
bool stands_for_itself(char c) {
  return c >= 0x20 && static_cast<unsigned char>(c) < 0x80 && c != '"' && c != '\\';
}

/// Appends the escape of an ASCII character that does not stand for itself.
void append_escape(std::string& out, char c) {
  constexpr std::string_view kSpecial = "\"\\\b\f\n\r\t";
  constexpr std::string_view kLetters = "\"\\bfnrt";
  constexpr std::string_view kDigits = "0123456789abcdef";
  out += '\\';
  if (const auto at = kSpecial.find(c); at != kSpecial.npos) {
    out += kLetters[at];
    return;
  }
  out += "u00";
  out += kDigits[c >> 4];
  out += kDigits[c & 15];
}

/// Appends the first character of a text when it is not plain ASCII; returns the bytes it took.
std::size_t append_special(std::string& out, std::string_view text) {
  const std::size_t length = character_length(text);
  if (length == 0) {
    out += kReplacement;
    return 1;
  }
  if (length == 1) {
    append_escape(out, text[0]);
  } else {
    out += text.substr(0, length);
  }
  return length;
}

}  // namespace

std::variant<Json, JsonFault> parse_json(std::string_view text) {
  Prescan scan(text);
  if (auto fault = scan.run()) return *std::move(fault);
  try {
    return Json::parse(scan.text());
  } catch (const Json::parse_error& error) {
    return JsonFault{"not JSON: does not parse at byte " + std::to_string(error.byte)};
  } catch (const Json::exception&) {
    return JsonFault{"not JSON: a number is out of range"};
  }
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    std::size_t plain = at;
    while (plain < text.size() && stands_for_itself(text[plain])) ++plain;
    out.append(text, at, plain - at);
    if (plain < text.size()) plain += append_special(out, text.substr(plain));
    at = plain;
  }
  out += '"';
}

}  // namespace inkfleet::proto
