#pragma once

#include <optional>

#include "model-service/engine/step_model.hpp"
#include "proto/frames.hpp"

namespace inkfleet::service {

/// What only the model can judge of a request that is well formed: values against its vocabulary, and what it
/// does not offer. The error names the field and the limit; its `id` is left to the caller.
std::optional<proto::Error> check_suggest(const proto::Suggest& suggest, const engine::ModelShape& shape);

}  // namespace inkfleet::service
