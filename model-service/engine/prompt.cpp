#include "model-service/engine/prompt.hpp"

#include <algorithm>

namespace inkfleet::engine {

BudgetedPrompt fit_prompt(std::vector<proto::TokenId> prompt, int max_tokens, int context_length,
                          proto::TokenId end_of_text) {
  BudgetedPrompt fitted;
  fitted.max_tokens = std::min(max_tokens, context_length - 1);
  if (prompt.empty()) prompt.push_back(end_of_text);

  const int size = static_cast<int>(prompt.size());
  const int excess = size - (context_length - fitted.max_tokens);
  if (excess > 0) {
    int dropped = (excess + kDropGranularity - 1) / kDropGranularity * kDropGranularity;
    if (dropped >= size) dropped = (size - 1) / kDropGranularity * kDropGranularity;
    dropped = std::max(dropped, size - (context_length - 1));
    prompt.erase(prompt.begin(), prompt.begin() + dropped);
    fitted.dropped_tokens = dropped;
    fitted.max_tokens = std::min(fitted.max_tokens, context_length - (size - dropped));
  }
  fitted.tokens = std::move(prompt);
  return fitted;
}

}  // namespace inkfleet::engine
