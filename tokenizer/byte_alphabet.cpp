#include "tokenizer/byte_alphabet.hpp"

#include <array>

#include "tokenizer/utf8.hpp"

namespace inkfleet::tokenizer {
namespace {

constexpr int kNoByte = -1;
constexpr char32_t kAlphabetEnd = 0x144;

struct Alphabet {
  std::array<char32_t, 256> character_of{};
  std::array<int, kAlphabetEnd> byte_of{};
};

constexpr bool is_printable(int byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr Alphabet make_alphabet() {
  Alphabet alphabet;
  alphabet.byte_of.fill(kNoByte);
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const char32_t character = is_printable(byte) ? static_cast<char32_t>(byte) : next++;
    alphabet.character_of[byte] = character;
    alphabet.byte_of[character] = byte;
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = make_alphabet();

}  // namespace

std::string spelling_of(unsigned char byte) {
  std::string spelling;
  append_code_point(kAlphabet.character_of[byte], spelling);
  return spelling;
}

std::string bytes_of(std::string_view token) {
  std::string bytes;
  std::size_t length = 0;
  for (std::size_t at = 0; at < token.size(); at += length) {
    const char32_t character = code_point_at(token, at, length);
    const int byte = character < kAlphabetEnd ? kAlphabet.byte_of[character] : kNoByte;
    if (byte == kNoByte) return std::string(token);
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

}  // namespace inkfleet::tokenizer
