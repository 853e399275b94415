#include "tokenizer/tokenizer.hpp"

#include "tokenizer/stream_decoder.hpp"

namespace inkfleet::tokenizer {

std::string Tokenizer::decode(std::span<const TokenId> tokens) const {
  StreamDecoder decoder;
  std::string text;
  for (const TokenId token : tokens) decoder.push(token_bytes(token), text);
  decoder.finish(text);
  return text;
}

}  // namespace inkfleet::tokenizer
