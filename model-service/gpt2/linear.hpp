#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

#include "model-service/gpt2/fp32_linear.hpp"
#include "model-service/gpt2/int8_linear.hpp"

namespace inkfleet::gpt2 {

/// What a product leaves behind; used again by the next one.
struct LinearWorkspace {
  at::Tensor fp32;
  Int8Workspace int8;
};

/// y = x Wᵀ + b, in the number format that the model was loaded for.
class Linear {
 public:
  Linear(Fp32Linear linear) : linear_(std::move(linear)) {}  // NOLINT(google-explicit-constructor)
  Linear(Int8Linear linear) : linear_(linear) {}             // NOLINT(google-explicit-constructor)

  /// Rows that the input of `rows` rows must have room for.
  static int padded_rows(int rows) { return Fp32Linear::padded_rows(rows); }

  /// `input` is [padded_rows(rows), in], of which the first `rows` count, and may be what the last call on
  /// this workspace returned. Returns [rows, out] with room for padded_rows(rows), until the next call.
  float* apply(const float* input, int rows, LinearWorkspace& work) const {
    if (const auto* int8 = std::get_if<Int8Linear>(&linear_)) return int8->apply(input, rows, work.int8);
    work.fp32 = std::get<Fp32Linear>(linear_).apply(input, rows);
    return work.fp32.mutable_data_ptr<float>();
  }

 private:
  std::variant<Fp32Linear, Int8Linear> linear_;
};

}  // namespace inkfleet::gpt2
