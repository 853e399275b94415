// The kernels for any machine (SSE2 on x86-64); see simd.inl for what must not be included here.
#include <cstddef>
#include <cstdint>

#include "model-service/gpt2/kernels/kernels.hpp"

namespace inkfleet::gpt2 {
namespace {

constexpr int kLanes = 4;
// Tiles that fill the registers: vectors of scores, and of values a row.
constexpr int kScoreTileVecs = 4;
constexpr int kValueTileVecs = 4;

#include "model-service/gpt2/kernels/attention.inl"
#include "model-service/gpt2/kernels/rows.inl"

}  // namespace

extern const Kernels kBaselineKernels;
const Kernels kBaselineKernels{"baseline", layer_norm, add, gelu_tanh, gelu_erf, relu, attend};

}  // namespace inkfleet::gpt2
