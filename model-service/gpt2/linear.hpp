#pragma once

#include <utility>
#include <variant>

#include "model-service/gpt2/int8_linear.hpp"
#include "model-service/gpt2/onednn_linear.hpp"

namespace inkfleet::gpt2 {

/// y = x Wᵀ + b, in the number format that the model was loaded for.
class Linear {
 public:
  Linear(OneDnnLinear linear) : linear_(std::move(linear)) {}  // NOLINT(google-explicit-constructor)
  Linear(Int8Linear linear) : linear_(linear) {}               // NOLINT(google-explicit-constructor)

  /// Null when the model was not loaded for that: oneDNN computes in fp32 and bf16.
  [[nodiscard]] const OneDnnLinear* onednn() const { return std::get_if<OneDnnLinear>(&linear_); }
  [[nodiscard]] const Int8Linear* int8() const { return std::get_if<Int8Linear>(&linear_); }

 private:
  std::variant<OneDnnLinear, Int8Linear> linear_;
};

}  // namespace inkfleet::gpt2
