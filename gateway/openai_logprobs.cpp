#include "gateway/openai_logprobs.hpp"

#include <algorithm>
#include <charconv>

namespace inkfleet::gateway {

namespace {

using proto::Json;

constexpr std::string_view kBytes = "bytes:\\x";

bool begins_character(unsigned char byte) {
  return (byte & 0xC0U) != 0x80U;
}

/// The byte of "\xe2" at this place; a zero, which begins a character, for what is none.
unsigned char byte_at(std::string_view text, std::size_t at) {
  unsigned char byte = 0;
  std::from_chars(text.data() + at + 2, text.data() + at + 4, byte, 16);
  return byte;
}

Json alternatives(const proto::TokenLogprob& token) {
  Json by_text{{token.text, token.logprob}};
  for (std::size_t i = 0; i < token.top_texts.size(); ++i) {
    by_text.emplace(token.top_texts[i], token.top[i].second);  // of two with one text the better stays
  }
  return by_text;
}

}  // namespace

std::size_t characters_in(std::string_view text) {
  if (!text.starts_with(kBytes))
    return static_cast<std::size_t>(std::ranges::count_if(text, begins_character));
  std::size_t characters = 0;
  for (std::size_t at = kBytes.size() - 2; at + 4 <= text.size(); at += 4) {
    if (begins_character(byte_at(text, at))) ++characters;
  }
  return characters;
}

Json openai_logprobs(const std::vector<proto::TokenLogprob>& logprobs, std::size_t offset) {
  auto tokens = Json::array(), values = Json::array(), top = Json::array(), offsets = Json::array();
  for (const auto& token : logprobs) {
    tokens.push_back(token.text);
    values.push_back(token.logprob);
    top.push_back(alternatives(token));
    offsets.push_back(offset);
    offset += characters_in(token.text);
  }
  return {{"tokens", std::move(tokens)},
          {"token_logprobs", std::move(values)},
          {"top_logprobs", std::move(top)},
          {"text_offset", std::move(offsets)}};
}

}  // namespace inkfleet::gateway
