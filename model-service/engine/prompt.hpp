#pragma once

#include <vector>

#include "proto/frames.hpp"

namespace inkfleet::engine {

/// Prompts lose whole multiples of this many tokens, so that a growing text keeps its beginning, and with it
/// its cached prefix, for that many tokens at a time.
inline constexpr int kDropGranularity = 64;

/// A prompt cut to what fits beside the tokens to come.
struct BudgetedPrompt {
  std::vector<proto::TokenId> tokens;
  int max_tokens = 0;  ///< as asked, or what the context leaves
  int dropped_tokens = 0;
};

/// Drops the prompt's beginning when prompt and `max_tokens` exceed the context; an empty prompt becomes the
/// end-of-text token. At least one prompt token is kept: where no multiple of kDropGranularity makes room and
/// leaves one, as many are dropped as leave one and `max_tokens` is capped instead. Depends on its arguments
/// only.
BudgetedPrompt fit_prompt(std::vector<proto::TokenId> prompt, int max_tokens, int context_length,
                          proto::TokenId end_of_text);

}  // namespace inkfleet::engine
