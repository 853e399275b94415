// The 8-bit kernels for any machine, written as plainly as can be: the twin that the others are held against.
#include "model-service/gpt2/kernels/int8.hpp"

namespace inkfleet::gpt2 {
namespace {

float quantize_row(const float* x, int width, std::uint8_t* out) {
  float largest = 0.0F;
  float sum = 0.0F;
  for (int i = 0; i < width; ++i) {
    const float magnitude = __builtin_fabsf(x[i]);
    if (magnitude > largest) largest = magnitude;
    sum += magnitude;
  }
  const bool usable = largest > 1e-30F && sum <= __FLT_MAX__;
  const float factor = usable ? 127.0F / largest : 0.0F;
  for (int i = 0; i < width; ++i) {
    const float scaled = usable ? x[i] * factor : 0.0F;
    out[i] = static_cast<std::uint8_t>(kZeroPoint + static_cast<int>(__builtin_rintf(scaled)));
  }
  for (int i = width; i < quantized_stride(width); ++i) out[i] = kZeroPoint;
  if (!(sum <= __FLT_MAX__)) return __builtin_nanf("");
  return usable ? largest / 127.0F : 0.0F;
}

void multiply(const Int8Product& p) {
  for (int row = 0; row < p.row_count; ++row) {
    for (int column = 0; column < p.columns; ++column) {
      const std::uint8_t* x = p.rows + row * p.row_stride;
      const std::int8_t* w = p.panel + column * kLaneDepth;
      std::int32_t sum = p.corrections[column];
      for (int d = 0; d < p.depth; ++d, x += kLaneDepth, w += kPanelColumns * kLaneDepth) {
        for (int i = 0; i < kLaneDepth; ++i) sum += x[i] * w[i];
      }
      p.out[row * p.out_stride + column] =
          static_cast<float>(sum) * (p.row_scales[row] * p.scales[column]) + p.bias[column];
    }
  }
}

}  // namespace

extern const Int8Kernels kPlainInt8Kernels;
const Int8Kernels kPlainInt8Kernels{"baseline", 127, quantize_row, multiply};

}  // namespace inkfleet::gpt2
