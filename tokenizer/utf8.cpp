#include "tokenizer/utf8.hpp"

#include <cstdint>
#include <cstring>

namespace inkfleet::tokenizer {
namespace {

struct Lead {
  std::size_t length;  // of the whole character; 0: no character begins with this byte
  unsigned char second_low = 0x80;
  unsigned char second_high = 0xBF;
};

constexpr Lead lead_of(unsigned char byte) {
  if (byte < 0x80) return {1};
  if (byte < 0xC2) return {0};
  if (byte < 0xE0) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0};
}

/// From `at`, past as many blocks of 8 ASCII bytes as there are.
std::size_t skip_ascii(std::string_view bytes, std::size_t at) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  for (std::uint64_t block; at + sizeof block <= bytes.size(); at += sizeof block) {
    std::memcpy(&block, bytes.data() + at, sizeof block);
    if (block & kHighBits) break;
  }
  return at;
}

}  // namespace

Utf8Part first_part(std::string_view bytes) {
  const Lead lead = lead_of(static_cast<unsigned char>(bytes[0]));
  if (lead.length == 0) return {Utf8Kind::kInvalid, 1};
  unsigned char low = lead.second_low;
  unsigned char high = lead.second_high;
  for (std::size_t i = 1; i < lead.length; ++i) {
    if (i == bytes.size()) return {Utf8Kind::kUnfinished, i};
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (byte < low || byte > high) return {Utf8Kind::kInvalid, i};
    low = 0x80;
    high = 0xBF;
  }
  return {Utf8Kind::kCharacter, lead.length};
}

std::size_t valid_prefix(std::string_view bytes) {
  std::size_t at = 0;
  while ((at = skip_ascii(bytes, at)) < bytes.size()) {
    const Utf8Part part = first_part(bytes.substr(at));
    if (part.kind != Utf8Kind::kCharacter) break;
    at += part.length;
  }
  return at;
}

std::size_t append_repaired(std::string_view bytes, std::string& text) {
  std::size_t at = 0;
  while (true) {
    const std::size_t valid = valid_prefix(bytes.substr(at));
    text.append(bytes, at, valid);
    at += valid;
    if (at == bytes.size()) return at;
    const Utf8Part part = first_part(bytes.substr(at));
    if (part.kind == Utf8Kind::kUnfinished) return at;
    text += kReplacement;
    at += part.length;
  }
}

std::string repaired(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() + kReplacement.size());
  if (append_repaired(bytes, text) < bytes.size()) text += kReplacement;
  return text;
}

void append_code_point(char32_t code_point, std::string& text) {
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  const auto put_tail = [&](int shift) { put(0x80 | (code_point >> shift & 0x3F)); };
  if (code_point < 0x80) return put(code_point);
  if (code_point < 0x800) return put(0xC0 | code_point >> 6), put_tail(0);
  if (code_point < 0x10000) return put(0xE0 | code_point >> 12), put_tail(6), put_tail(0);
  put(0xF0 | code_point >> 18), put_tail(12), put_tail(6), put_tail(0);
}

}  // namespace inkfleet::tokenizer
