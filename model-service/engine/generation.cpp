#include "model-service/engine/generation.hpp"

#include <algorithm>

#include "proto/sampling.hpp"

namespace inkfleet::engine {

int Generation::open() const {
  return static_cast<int>(std::count_if(suggestions.begin(), suggestions.end(), [](const Suggestion& s) {
    return s.state != Suggestion::State::kFinished;
  }));
}

bool Generation::needs_prompt_logits() const {
  return std::any_of(suggestions.begin(), suggestions.end(),
                     [](const Suggestion& s) { return s.begins_with_prompt(); });
}

Draw Generation::next_draw(const Suggestion& suggestion) const {
  const auto& suggest = request.suggest;
  return {.parameters = {.temperature = suggest.temperature, .top_k = suggest.top_k, .top_p = suggest.top_p},
          .uniform = proto::uniform(suggest.seed.value_or(0), static_cast<std::uint32_t>(suggestion.index),
                                    static_cast<std::uint32_t>(suggestion.generated()))};
}

// The prompt gives each suggestion its first token, and its last one is not fed. Tokens that it was resumed
// with are fed after the prompt.
int Generation::rows_left() const {
  auto rows = static_cast<int>(prompt.pending.size());
  for (const auto& suggestion : suggestions) {
    if (suggestion.state == Suggestion::State::kFinished) continue;
    const int max_tokens = request.suggest.max_tokens;
    const auto pending = static_cast<int>(suggestion.sequence.pending.size());
    rows += prompt_done ? max_tokens - suggestion.generated() + pending - 1 : max_tokens - 1;
  }
  return rows;
}

std::size_t CompletedTexts::size() const {
  auto tokens = prompt.size();
  for (const auto& [index, produced] : suggestions) tokens += produced.size();
  return tokens;
}

}  // namespace inkfleet::engine
