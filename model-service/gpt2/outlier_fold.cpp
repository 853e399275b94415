#include "model-service/gpt2/outlier_fold.hpp"

#include <algorithm>
#include <cmath>

namespace inkfleet::gpt2 {
namespace {

/// How many standard deviations a channel is expected to reach.
constexpr float kReach = 3.0F;

std::vector<float> largest_weights(const WeightSource& source) {
  std::vector<float> largest(source.in, 0.0F);
  const bool outputs_adjacent = source.out_stride == 1;
  for (int a = 0; a < (outputs_adjacent ? source.in : source.out); ++a) {
    for (int b = 0; b < (outputs_adjacent ? source.out : source.in); ++b) {
      const int i = outputs_adjacent ? a : b;
      const int o = outputs_adjacent ? b : a;
      largest[i] =
          std::max(largest[i], std::abs(source.weights[o * source.out_stride + i * source.in_stride]));
    }
  }
  return largest;
}

}  // namespace

std::vector<float> fold_outliers(LayerNorm& norm, const WeightSource& source) {
  const std::vector<float> largest = largest_weights(source);
  std::vector<float> factors(source.in);
  for (int i = 0; i < source.in; ++i) {
    const float range = std::abs(norm.bias[i]) + kReach * std::abs(norm.weight[i]);
    const float factor = std::sqrt(range / largest[i]);
    factors[i] = std::isfinite(factor) && factor > 0 ? factor : 1.0F;
    norm.weight[i] /= factors[i];
    norm.bias[i] /= factors[i];
  }
  return factors;
}

}  // namespace inkfleet::gpt2
