#include "model-service/engine/generation.hpp"

#include <algorithm>

namespace inkfleet::engine {

bool Generation::finished() const {
  return std::all_of(suggestions.begin(), suggestions.end(),
                     [](const Suggestion& s) { return s.state == Suggestion::State::kFinished; });
}

bool Generation::needs_prompt_logits() const {
  return std::any_of(suggestions.begin(), suggestions.end(),
                     [](const Suggestion& s) { return s.state == Suggestion::State::kWaiting && s.fresh; });
}

std::size_t CompletedTexts::size() const {
  auto tokens = prompt.size();
  for (const auto& [index, produced] : suggestions) tokens += produced.size();
  return tokens;
}

}  // namespace inkfleet::engine
