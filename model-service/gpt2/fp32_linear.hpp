#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace inkfleet::gpt2 {

/// y = x Wᵀ + b in fp32, the weight packed once by oneDNN for its matrix kernels. On 2 cores with AVX-512 and
/// a gpt2-medium this took 60 ms for the layers' products of 5 rows, against 88 with `addmm` (1 row: 53 and
/// 51, 100 rows: 233 and 271).
class Fp32Linear {
 public:
  /// `weight` [out, in] and `bias` [out], fp32. Throws std::runtime_error if libtorch has no oneDNN.
  Fp32Linear(const at::Tensor& weight, std::optional<at::Tensor> bias);

  /// Rows that the input of `rows` rows must have room for. oneDNN compiles a kernel for each new number of
  /// rows (5 to 10 ms), so only some numbers are used. And never 1, for which it takes another kernel with
  /// another order of summation: a row's result must not depend on how many rows there are.
  static int padded_rows(int rows);

  /// `input` is [padded_rows(rows), in], of which the first `rows` count. Returns [padded_rows(rows), out].
  [[nodiscard]] at::Tensor apply(const float* input, int rows) const;

 private:
  at::Tensor packed_;
  std::optional<at::Tensor> bias_;
  std::int64_t in_;
};

}  // namespace inkfleet::gpt2
