#include "model-service/gpt2/int8_linear.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>
#include <string>

namespace inkfleet::gpt2 {
namespace {

/// 255 × 127 × this many inputs still fit in 31 bits.
constexpr int kLargestDepth = 65536;

int panel_count(int out) {
  return round_up(out, kPanelColumns) / kPanelColumns;
}
std::size_t panel_bytes(int in) {
  return static_cast<std::size_t>(round_up(in, kLaneDepth)) * kPanelColumns;
}

/// The parts of a packed matrix, in order.
template <class Byte>
struct Layout {
  Byte* panels;
  Byte* sums;
  Byte* scales;
  Byte* bias;

  Layout(Byte* packed, int in, int out)
      : panels(packed),
        sums(packed + static_cast<std::size_t>(panel_count(out)) * panel_bytes(in)),
        scales(sums + static_cast<std::size_t>(panel_count(out)) * kPanelColumns * sizeof(std::int32_t)),
        bias(scales + static_cast<std::size_t>(panel_count(out)) * kPanelColumns * sizeof(float)) {}
};

/// One panel's weights as floats, [in][kPanelColumns]; 0 for columns that are not there.
void gather(const WeightSource& source, int first, std::vector<float>& panel) {
  const int columns = std::min(kPanelColumns, source.out - first);
  panel.assign(static_cast<std::size_t>(source.in) * kPanelColumns, 0.0F);
  for (int c = 0; c < columns; ++c) {
    const float* from = source.weights + (first + c) * source.out_stride;
    for (int i = 0; i < source.in; ++i) panel[i * kPanelColumns + c] = from[i * source.in_stride];
  }
}

/// The same for weights whose columns lie side by side.
void gather_adjacent(const WeightSource& source, int first, std::vector<float>& panel) {
  const int columns = std::min(kPanelColumns, source.out - first);
  panel.assign(static_cast<std::size_t>(source.in) * kPanelColumns, 0.0F);
  for (int i = 0; i < source.in; ++i) {
    std::copy_n(source.weights + i * source.in_stride + first, columns,
                panel.data() + std::ptrdiff_t{i} * kPanelColumns);
  }
}

/// Rounds one input's weights and puts them into byte `place` of the lanes.
void put_row(const float* weights, const float* inverse_scales, int place, std::uint32_t* lanes,
             std::int32_t* sums) {
  constexpr float kShifter = 12582912.0F;  // 1.5 * 2^23: adding it rounds to a whole number
  for (int c = 0; c < kPanelColumns; ++c) {
    const float shifted = weights[c] * inverse_scales[c] + kShifter;
    const std::int32_t number = std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(kShifter);
    lanes[c] |= (static_cast<std::uint32_t>(number) & 0xffU) << (8 * place);
    sums[c] -= number;
  }
}

void pack_panel(const WeightSource& source, int weight_limit, int panel, std::vector<float>& weights,
                const Layout<std::byte>& to) {
  const int first = panel * kPanelColumns;
  source.out_stride == 1 ? gather_adjacent(source, first, weights) : gather(source, first, weights);
  auto* sums = reinterpret_cast<std::int32_t*>(to.sums) + first;
  auto* scales = reinterpret_cast<float*>(to.scales) + first;
  auto* bias = reinterpret_cast<float*>(to.bias) + first;

  float largest[kPanelColumns] = {};
  for (int i = 0; i < source.in; ++i) {
    float* row = weights.data() + std::ptrdiff_t{i} * kPanelColumns;
    const float factor = source.input_factor == nullptr ? 1.0F : source.input_factor[i];
    for (int c = 0; c < kPanelColumns; ++c) {
      row[c] *= factor;
      largest[c] = std::max(largest[c], std::abs(row[c]));
    }
  }
  float inverse[kPanelColumns];
  for (int c = 0; c < kPanelColumns; ++c) {
    scales[c] = largest[c] / static_cast<float>(weight_limit);
    inverse[c] = largest[c] > 1e-30F ? static_cast<float>(weight_limit) / largest[c] : 0.0F;
    sums[c] = 0;
    bias[c] = source.bias != nullptr && first + c < source.out ? source.bias[first + c] : 0.0F;
  }
  auto* lanes = reinterpret_cast<std::uint32_t*>(to.panels + panel * panel_bytes(source.in));
  for (int i = 0; i < round_up(source.in, kLaneDepth); ++i) {
    if (i % kLaneDepth == 0)
      std::fill_n(lanes + std::ptrdiff_t{i / kLaneDepth} * kPanelColumns, kPanelColumns, 0U);
    if (i >= source.in) continue;
    put_row(weights.data() + std::ptrdiff_t{i} * kPanelColumns, inverse, i % kLaneDepth,
            lanes + std::ptrdiff_t{i / kLaneDepth} * kPanelColumns, sums);
  }
}

}  // namespace

std::size_t packed_bytes(int in, int out) {
  return panel_count(out) * (panel_bytes(in) + kPanelColumns * (sizeof(std::int32_t) + 2 * sizeof(float)));
}

void pack(const WeightSource& source, int weight_limit, std::byte* to) {
  const Layout<std::byte> layout(to, source.in, source.out);
  at::parallel_for(0, panel_count(source.out), 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> weights;
    for (std::int64_t panel = begin; panel < end; ++panel) {
      pack_panel(source, weight_limit, static_cast<int>(panel), weights, layout);
    }
  });
}

Int8Linear::Int8Linear(const std::byte* packed, int in, int out, const Int8Kernels& kernels)
    : kernels_(&kernels), in_(in), out_(out) {
  if (in > kLargestDepth) {
    throw std::runtime_error("int8: expected at most " + std::to_string(kLargestDepth) +
                             " inputs of a matrix, found " + std::to_string(in));
  }
  const Layout<const std::byte> layout(packed, in, out);
  panels_ = reinterpret_cast<const std::int8_t*>(layout.panels);
  sums_ = reinterpret_cast<const std::int32_t*>(layout.sums);
  scales_ = reinterpret_cast<const float*>(layout.scales);
  bias_ = reinterpret_cast<const float*>(layout.bias);
}

int Int8Linear::columns(int panel) const {
  return std::min(kPanelColumns, out_ - panel * kPanelColumns);
}

const std::int8_t* Int8Linear::panel(int panel) const {
  return panels_ + panel * panel_bytes(in_);
}

void Int8Linear::multiply(const QuantizedRows& rows, int panel, const std::int8_t* next, float* out,
                          std::ptrdiff_t out_stride) const {
  const auto first = static_cast<std::ptrdiff_t>(panel) * kPanelColumns;
  kernels_->multiply({.rows = rows.bytes,
                      .row_scales = rows.scales,
                      .row_count = rows.count,
                      .row_stride = quantized_stride(in_),
                      .panel = this->panel(panel),
                      .next_panel = next,
                      .sums = sums_ + first,
                      .scales = scales_ + first,
                      .bias = bias_ + first,
                      .depth = round_up(in_, kLaneDepth) / kLaneDepth,
                      .columns = columns(panel),
                      .out = out,
                      .out_stride = out_stride});
}

}  // namespace inkfleet::gpt2
