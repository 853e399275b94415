#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "model-service/gpt2/compute_type.hpp"

namespace inkfleet::gpt2 {

/// y = x Wᵀ + b in fp32 or bf16, the weight packed once by oneDNN for its matrix kernels. On 2 cores with
/// AVX-512 and a gpt2-medium this took, in fp32, 60 ms for the layers' products of 5 rows, against 88 with
/// `addmm` (1 row: 53 and 51, 100 rows: 233 and 271).
///
/// In bf16 the weight takes half the memory; inputs are rounded to it, sums and the bias are in fp32, and
/// each result is rounded once more.
class OneDnnLinear {
 public:
  /// `weight` [out, in] and `bias` [out], fp32; `dtype` is not kInt8. Throws std::runtime_error if libtorch
  /// has no oneDNN, and in bf16 unless supports_bf16().
  OneDnnLinear(const at::Tensor& weight, std::optional<at::Tensor> bias, ComputeType dtype);

  /// Rows that the input of `rows` rows must have room for. oneDNN compiles a kernel for each new number of
  /// rows (5 to 10 ms), so only some numbers are used. And never 1, for which it takes another kernel with
  /// another order of summation: a row's result must not depend on how many rows there are.
  static int padded_rows(int rows);

  /// `input` is [padded_rows(rows), in], of which the first `rows` count. Returns [padded_rows(rows), out],
  /// both in fp32.
  [[nodiscard]] at::Tensor apply(const float* input, int rows) const;

 private:
  at::Tensor packed_;
  std::optional<at::Tensor> bias_;
  std::int64_t in_;
};

/// Whether oneDNN multiplies in bf16 on this CPU: on x86 it wants AVX-512 (BW, VL, DQ) or AVX-NE-CONVERT.
/// Without AVX512-BF16 and AMX it does so by fp32 instructions, slower than fp32 itself.
bool supports_bf16();

}  // namespace inkfleet::gpt2
