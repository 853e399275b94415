// The 8-bit kernels for any machine, written as plainly as can be: the twin that the others are held against.
#include "model-service/gpt2/kernels/int8.hpp"

namespace inkfleet::gpt2 {
namespace {

#include "model-service/gpt2/kernels/row_scale.inl"

RowScale quantize_row(const float* x, int width, std::uint8_t* out) {
  float smallest = 0.0F;
  float largest = 0.0F;
  bool finite = true;
  for (int i = 0; i < width; ++i) {
    if (x[i] < smallest) smallest = x[i];
    if (x[i] > largest) largest = x[i];
    if (!(__builtin_fabsf(x[i]) <= __FLT_MAX__)) finite = false;
  }
  const RowScale row = row_scale(smallest, largest, finite);
  const float factor = row.scale > 0.0F ? 1.0F / row.scale : 0.0F;
  for (int i = 0; i < quantized_stride(width); ++i) {
    const float scaled = i < width && factor > 0.0F ? x[i] * factor : 0.0F;
    const int number = static_cast<int>(__builtin_rintf(scaled)) + row.zero_point;
    out[i] = static_cast<std::uint8_t>(number < 0 ? 0 : number > 255 ? 255 : number);
  }
  return row;
}

void multiply(const Int8Product& p) {
  for (int row = 0; row < p.row_count; ++row) {
    for (int column = 0; column < p.columns; ++column) {
      const std::uint8_t* x = p.rows + row * p.row_stride;
      const std::int8_t* w = p.panel + column * kLaneDepth;
      std::int32_t sum = p.sums[column] * p.row_scales[row].zero_point;
      for (int d = 0; d < p.depth; ++d, x += kLaneDepth, w += kPanelColumns * kLaneDepth) {
        for (int i = 0; i < kLaneDepth; ++i) sum += x[i] * w[i];
      }
      p.out[row * p.out_stride + column] =
          static_cast<float>(sum) * (p.row_scales[row].scale * p.scales[column]) + p.bias[column];
    }
  }
}

}  // namespace

extern const Int8Kernels kPlainInt8Kernels;
const Int8Kernels kPlainInt8Kernels{"baseline", 127, quantize_row, multiply};

}  // namespace inkfleet::gpt2
