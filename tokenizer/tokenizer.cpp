#include "tokenizer/tokenizer.hpp"

#include "tokenizer/stream_decoder.hpp"

namespace inkfleet::tokenizer {

std::string decode(const Tokenizer& tokenizer, std::span<const TokenId> tokens) {
  StreamDecoder decoder;
  std::string text;
  for (const TokenId token : tokens) decoder.push(tokenizer.token_bytes(token), text);
  decoder.finish(text);
  return text;
}

}  // namespace inkfleet::tokenizer
