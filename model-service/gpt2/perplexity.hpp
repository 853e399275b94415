#pragma once

#include <algorithm>
#include <cmath>
#include <span>
#include <vector>

#include "model-service/engine/step_model.hpp"

namespace inkfleet::gpt2 {

inline double negative_log_likelihood(std::span<const float> logits, engine::TokenId token) {
  const float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit - largest));
  return std::log(sum) - (logits[token] - largest);
}

/// Of the tokens that fill whole windows; each window is read from its own beginning. All windows go forward
/// side by side, so that the model must have blocks for all of them.
inline double perplexity(engine::StepModel& model, std::span<const engine::TokenId> tokens, int window) {
  const auto windows = static_cast<int>(tokens.size()) / window;
  const int blocks = (window + model.shape().block_tokens - 1) / model.shape().block_tokens;
  std::vector<engine::BlockId> table(static_cast<std::size_t>(windows) * blocks);
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = static_cast<engine::BlockId>(i);
  const std::size_t vocab = model.shape().vocab_size;
  double sum = 0;
  for (int position = 0; position + 1 < window; ++position) {
    std::vector<engine::StepSlice> slices;
    slices.reserve(static_cast<std::size_t>(windows));
    for (int w = 0; w < windows; ++w) {
      slices.push_back({.tokens = tokens.subspan(static_cast<std::size_t>(w) * window + position, 1),
                        .first_position = position,
                        .blocks = std::span(table).subspan(static_cast<std::size_t>(w) * blocks, blocks),
                        .wants_logits = true});
    }
    const auto logits = model.step(slices).logits;
    for (int w = 0; w < windows; ++w) {
      sum += negative_log_likelihood(logits.subspan(static_cast<std::size_t>(w) * vocab, vocab),
                                     tokens[w * window + position + 1]);
    }
  }
  return std::exp(sum / (static_cast<double>(windows) * (window - 1)));
}

}  // namespace inkfleet::gpt2
