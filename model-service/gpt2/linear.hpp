#pragma once

#include <utility>
#include <variant>

#include "model-service/gpt2/fp32_linear.hpp"
#include "model-service/gpt2/int8_linear.hpp"

namespace inkfleet::gpt2 {

/// y = x Wᵀ + b, in the number format that the model was loaded for.
class Linear {
 public:
  Linear(Fp32Linear linear) : linear_(std::move(linear)) {}  // NOLINT(google-explicit-constructor)
  Linear(Int8Linear linear) : linear_(linear) {}             // NOLINT(google-explicit-constructor)

  /// Null when the model was not loaded for that.
  [[nodiscard]] const Fp32Linear* fp32() const { return std::get_if<Fp32Linear>(&linear_); }
  [[nodiscard]] const Int8Linear* int8() const { return std::get_if<Int8Linear>(&linear_); }

 private:
  std::variant<Fp32Linear, Int8Linear> linear_;
};

}  // namespace inkfleet::gpt2
