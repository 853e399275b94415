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

/// Rows that go into a product, as Int8Kernels::quantize_row made them.
struct QuantizedRows {
  const std::uint8_t* bytes;  ///< [count, quantized_stride(in)]
  const RowScale* scales;     ///< [count]
  int count;
};

/// y = x Wᵀ + b with 8-bit integers: weights quantized for each output, inputs for each row when they come.
class Int8Linear {
 public:
  /// `packed` is what pack() wrote for that shape, and must outlive this object.
  Int8Linear(const std::byte* packed, int in, int out, const Int8Kernels& kernels = int8_kernels());

  [[nodiscard]] int outputs() const { return out_; }
  /// Outputs come in panels of kPanelColumns; the last may have fewer.
  [[nodiscard]] int panels() const { return (out_ + kPanelColumns - 1) / kPanelColumns; }
  [[nodiscard]] int columns(int panel) const;
  /// Its weights, as Int8Product wants them.
  [[nodiscard]] const std::int8_t* panel(int panel) const;

  /// One panel's outputs for all rows, at out[row * out_stride]. `next` are the weights that this thread will
  /// want after these: they are asked for ahead.
  void multiply(const QuantizedRows& rows, int panel, const std::int8_t* next, float* out,
                std::ptrdiff_t out_stride) const;

 private:
  const Int8Kernels* kernels_;
  const std::int8_t* panels_;
  const std::int32_t* sums_;
  const float* scales_;
  const float* bias_;
  int in_;
  int out_;
};

}  // namespace inkfleet::gpt2
