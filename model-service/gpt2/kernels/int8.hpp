#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

/// Matrix products in 8 bits: activations u8 with a scale and a zero point for each row, weights s8 with a
/// scale for each column (of the output), sums in 32 bits. Integer sums have no rounding, and what follows is
/// one fixed sequence of float operations an element: a row's result has the same bits whatever the number of
/// rows or threads, and on every instruction set with the same weight_limit.
namespace inkfleet::gpt2 {

/// Output columns that are stored, and computed by one thread, together.
inline constexpr int kPanelColumns = 64;
/// Consecutive inputs that one 32-bit lane holds.
inline constexpr int kLaneDepth = 4;
/// Quantized rows begin on such boundaries.
inline constexpr int kRowAlignment = 64;

constexpr int round_up(int value, int step) {
  return (value + step - 1) / step * step;
}

/// Bytes from one quantized row of `depth` numbers to the next.
constexpr int quantized_stride(int depth) {
  return round_up(depth, kRowAlignment);
}

/// What the bytes of a quantized row stand for: (byte - zero_point) * scale.
struct RowScale {
  float scale;
  std::int32_t zero_point;

  bool operator==(const RowScale&) const = default;
};

/// Some rows times one panel of weights. D = inputs, divided by kLaneDepth and rounded up.
struct Int8Product {
  const std::uint8_t* rows;    ///< [row_count, row_stride]
  const RowScale* row_scales;  ///< [row_count]
  int row_count;
  std::ptrdiff_t row_stride;      ///< quantized_stride(inputs)
  const std::int8_t* panel;       ///< [D][kPanelColumns][kLaneDepth], 64-byte aligned; 0 behind the inputs
  const std::int8_t* next_panel;  ///< what comes after it: asked for ahead, never read
  const std::int32_t* sums;       ///< [kPanelColumns]: of each column's weights, negative
  const float* scales;            ///< [kPanelColumns]
  const float* bias;              ///< [kPanelColumns]
  int depth;                      ///< D
  int columns;                    ///< of the panel that the output has: the last panel may hold fewer
  float* out;                     ///< [row_count, out_stride], at the panel's first column
  std::ptrdiff_t out_stride;
};

/// The kernels, compiled for one instruction set.
struct Int8Kernels {
  const char* instruction_set;
  int weight_limit;  ///< weights must lie in ±this: 64 where the instruction saturates sums of pairs at 16
                     ///< bits

  /// out = round(x / scale) + zero point for `width` floats, the smallest becoming 0 and the largest 255 (0
  /// always lies between them), then anything, or nothing, up to quantized_stride(width). The scale is not a
  /// number when any x is none or infinite.
  RowScale (*quantize_row)(const float* x, int width, std::uint8_t* out);
  /// out = ((rows - zero point) · panel) × (row scale × column scale) + bias.
  void (*multiply)(const Int8Product& product);
};

/// The best ones for this machine; decided at the first call.
const Int8Kernels& int8_kernels();

/// Whether this machine multiplies 8-bit integers in one instruction, so that int8 is the fast choice.
bool has_fast_int8();

/// All that this machine can run, the best first. The last is the plain twin.
std::vector<const Int8Kernels*> runnable_int8_kernels();

}  // namespace inkfleet::gpt2
