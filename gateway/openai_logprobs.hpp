#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "proto/frames.hpp"
#include "proto/json.hpp"

namespace inkfleet::gateway {

/// How many characters begin in a token's text, bytes that are no whole characters ("bytes:\xe2\x80")
/// included.
std::size_t characters_in(std::string_view token_text);

/// OpenAI's `logprobs` of a choice: token for token its text, its logarithm, those of the alternatives and
/// its own by text, and where it begins in the choice's text, in characters; the first at `offset`.
proto::Json openai_logprobs(const std::vector<proto::TokenLogprob>& logprobs, std::size_t offset);

}  // namespace inkfleet::gateway
