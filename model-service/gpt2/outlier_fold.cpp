#include "model-service/gpt2/outlier_fold.hpp"

#include <algorithm>
#include <cmath>

namespace inkfleet::gpt2 {
namespace {

/// How many standard deviations a channel is expected to reach.
constexpr float kReach = 3.0F;
/// A channel is an outlier from this many times the median range. On the demo models, 1 to 2 times were
/// equally good, and beyond 3 outliers began to cost.
constexpr float kOutlier = 2.0F;

float median(std::vector<float> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

std::vector<float> fold_outliers(const LayerNorm& norm) {
  std::vector<float> factors(norm.weight.size());
  for (std::size_t i = 0; i < factors.size(); ++i) {
    factors[i] = std::abs(norm.bias[i]) + kReach * std::abs(norm.weight[i]);
  }
  const float usual = kOutlier * median(factors);
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const float factor = factors[i] / usual;
    factors[i] = std::isfinite(factor) && factor > 1.0F ? factor : 1.0F;
    norm.weight[i] /= factors[i];
    norm.bias[i] /= factors[i];
  }
  return factors;
}

}  // namespace inkfleet::gpt2
