#pragma once

#include "tests/fuzz/fuzz.hpp"
#include "tokenizer/tokenizer.hpp"

namespace inkfleet::fuzz {

/// Any tokenizer that was loaded, whatever its file says, encodes into its own ids, which have bytes.
inline void check(const tokenizer::Tokenizer& tokenizer) {
  require(tokenizer.vocab_size() >= 256, "a tokenizer has the 256 bytes");
  for (const char* text : {"", "the the  ab\n<x>abab", "caf\u00e9 \u65e5\u672c \xff\xfe", "<|endoftext|>"}) {
    const auto ids = tokenizer.encode(text);
    for (const auto id : ids) require(id >= 0 && id < tokenizer.vocab_size(), "an id is in the vocabulary");
    require(tokenizer.decode(ids).size() >= ids.size() / 4, "ids have bytes");
  }
  require(tokenizer.token_bytes(-1).empty() && tokenizer.token_bytes(tokenizer.vocab_size()).empty(),
          "an id out of range has no bytes");
}

}  // namespace inkfleet::fuzz
