#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model-service/gpt2/kernels/int8.hpp"

namespace inkfleet::gpt2 {

/// Where a matrix and its bias are read from. in = inputs, out = outputs.
struct WeightSource {
  const float* weights;  ///< of output o and input i at [o * out_stride + i * in_stride]
  std::ptrdiff_t in_stride;
  std::ptrdiff_t out_stride;
  int in;
  int out;
  const float* bias;          ///< [out]; null: none
  const float* input_factor;  ///< [in]: multiplied into each input's weights; null: none
};

/// Bytes of a packed matrix; a multiple of 64.
std::size_t packed_bytes(int in, int out);

/// Quantizes a matrix, each output with its own scale, the largest weight becoming ±kernels.weight_limit, and
/// stores it as Int8Product wants it: panels, sums, scales, bias. `to` is 64-byte aligned and has
/// packed_bytes. On several threads.
void pack(const WeightSource& source, int weight_limit, std::byte* to);

/// Rows of one product, quantized, and their result. They only grow.
struct Int8Workspace {
  std::vector<std::uint8_t> rows;
  std::vector<RowScale> scales;
  std::vector<float> out;
};

/// y = x Wᵀ + b with 8-bit integers: weights quantized for each output, inputs for each row when they come.
class Int8Linear {
 public:
  /// `packed` is what pack() wrote for that shape, and must outlive this object.
  Int8Linear(const std::byte* packed, int in, int out, const Int8Kernels& kernels = int8_kernels());

  /// `input` is [rows, in], and may be what the last call on this workspace returned. Returns [rows, out],
  /// until the next call.
  float* apply(const float* input, int rows, Int8Workspace& work) const;

 private:
  void quantize(const float* input, int rows, Int8Workspace& work) const;

  const Int8Kernels* kernels_;
  const std::int8_t* panels_;
  const std::int32_t* sums_;
  const float* scales_;
  const float* bias_;
  int in_;
  int out_;
};

}  // namespace inkfleet::gpt2
