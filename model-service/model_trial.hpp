#pragma once

#include <optional>
#include <string>

#include "model-service/model_flags.hpp"

namespace inkfleet::service {

/// What a model needs and does in one number format on this machine.
struct Trial {
  std::string summary;            ///< of the model
  std::size_t memory = 0;         ///< of a process with the model and no keys and values, bytes
  std::size_t peak_memory = 0;    ///< while it loads
  std::size_t context_bytes = 0;  ///< keys and values of one full context
  int tokens = 0;                 ///< of the text that were judged
  int window = 0;                 ///< so many at a time
  std::optional<double> perplexity;
};

/// Loads the model, lets it compute, and judges `text` with it unless that is empty; all in a process of its
/// own. Throws std::runtime_error with one line when the model cannot be served so.
Trial try_model(const ModelFlags& flags, const std::string& text);

}  // namespace inkfleet::service
