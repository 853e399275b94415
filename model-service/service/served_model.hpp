#pragma once

#include <memory>
#include <string>

#include "model-service/engine/engine.hpp"
#include "model-service/engine/step_model.hpp"
#include "tokenizer/tokenizer.hpp"

namespace inkfleet::service {

/// A model that is loaded and answers, as a connection needs to know it. The engine is another thread's; the
/// tokenizer is shared.
struct ServedModel {
  std::shared_ptr<const tokenizer::Tokenizer> tokenizer;
  engine::ModelShape shape;
  engine::Engine* engine = nullptr;
  int max_queue = 0;
};

}  // namespace inkfleet::service
