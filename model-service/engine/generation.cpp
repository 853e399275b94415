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

}  // namespace inkfleet::engine
