#include "gateway/legacy_path.hpp"

#include <algorithm>
#include <charconv>

namespace inkfleet::gateway {

namespace {

constexpr std::string_view kLive = "/ws/async/writeup/text_generation/session/";
constexpr std::string_view kTest = "/ws/test/writeup/text_generation/session/";
constexpr std::size_t kNameCharacters = 64;
constexpr std::size_t kNameBytes = 4 * kNameCharacters;  // of text that is no UTF-8, too

std::optional<std::string> percent_decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned char byte = 0;
    const auto digits = text.substr(i + 1, 2);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) return std::nullopt;
    decoded += static_cast<char>(byte);
    i += 2;
  }
  return decoded;
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](unsigned char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

std::optional<LegacyPath> parse_legacy_path(std::string_view path) {
  const bool test = path.starts_with(kTest);
  if (!test && !path.starts_with(kLive)) return std::nullopt;
  auto rest = path.substr(test ? kTest.size() : kLive.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('/') != rest.npos) return std::nullopt;
  auto name = percent_decode(rest);
  if (!name || name->empty() || name->size() > kNameBytes) return std::nullopt;
  if (characters(*name) > kNameCharacters) return std::nullopt;
  if (name->find('/') != name->npos) return std::nullopt;
  return LegacyPath{std::move(*name), test};
}

}  // namespace inkfleet::gateway
