#pragma once

#include <vector>

#include "model-service/gpt2/int8_linear.hpp"

namespace inkfleet::gpt2 {

struct LayerNorm {
  std::vector<float> weight, bias;  ///< [C]
};

/// Evens out what a LayerNorm hands to a matrix before both go to 8 bits: a few channels of a trained GPT-2
/// are far larger than the others, and one scale for a whole row would leave nothing of the small ones.
/// Divides each channel of the norm by a factor and returns the factors, by which the matrix's inputs are to
/// be multiplied. The factors balance both sides, as SmoothQuant does (Xiao et al. 2022, arXiv:2211.10438,
/// alpha 0.5), but without calibration texts: a norm's output is normalised, so that its weight and bias tell
/// its range.
std::vector<float> fold_outliers(LayerNorm& norm, const WeightSource& source);

}  // namespace inkfleet::gpt2
