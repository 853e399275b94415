#pragma once

#include <string>

#include "proto/frames.hpp"
#include "tokenizer/tokenizer.hpp"

namespace inkfleet::service {

/// The text of one token, for people: bytes that are no whole characters are written "bytes:\xe2\x80", as
/// OpenAI does.
std::string token_text(const tokenizer::Tokenizer& tokenizer, proto::TokenId token);

/// Fills in the texts of a delta's log-probabilities, and nothing when it has none.
void add_token_texts(proto::Delta& delta, const tokenizer::Tokenizer& tokenizer);

}  // namespace inkfleet::service
