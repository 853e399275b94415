#include "model-service/service/token_texts.hpp"

#include <fmt/format.h>

#include "tokenizer/utf8.hpp"

namespace inkfleet::service {

std::string token_text(const tokenizer::Tokenizer& tokenizer, proto::TokenId token) {
  const auto bytes = tokenizer.token_bytes(token);
  if (tokenizer::valid_prefix(bytes) == bytes.size()) return std::string(bytes);
  std::string text = "bytes:";
  for (const unsigned char byte : bytes) text += fmt::format("\\x{:02x}", byte);
  return text;
}

void add_token_texts(proto::Delta& delta, const tokenizer::Tokenizer& tokenizer) {
  for (std::size_t i = 0; i < delta.logprobs.size(); ++i) {
    auto& logprob = delta.logprobs[i];
    logprob.text = token_text(tokenizer, delta.tokens[i]);
    for (const auto& [token, value] : logprob.top) logprob.top_texts.push_back(token_text(tokenizer, token));
  }
}

}  // namespace inkfleet::service
