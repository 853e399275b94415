#pragma once

#include <span>

#include "model-service/engine/step_model.hpp"

namespace inkfleet::engine {

/// Throws std::invalid_argument unless all tokens, positions and blocks are some that a model of this shape
/// has, and the blocks cover the positions.
void check_slices(const ModelShape& shape, std::span<const StepSlice> slices);

}  // namespace inkfleet::engine
