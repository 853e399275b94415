#pragma once

#include <memory>

#include "model-service/engine/scheduler.hpp"
#include "model-service/gpt2/model_summary.hpp"
#include "model-service/model_flags.hpp"
#include "tokenizer/tokenizer.hpp"

namespace inkfleet::service {

struct LoadedModel {
  std::unique_ptr<engine::StepModel> model;
  gpt2::ModelSummary summary;
  std::shared_ptr<const tokenizer::Tokenizer> tokenizer;
  engine::SchedulerOptions scheduler;  ///< as given, with receipt, promise and sizes of this model's device
};

/// Loads weights and tokenizer and checks that they belong together; says in the log what it loaded. On the
/// thread that will use the model. Throws std::runtime_error with one line for a person.
LoadedModel load_model(const ModelFlags& flags, engine::SchedulerOptions scheduler = {});

}  // namespace inkfleet::service
