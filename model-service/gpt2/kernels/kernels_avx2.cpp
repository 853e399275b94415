// The kernels for machines with AVX2 and FMA; see simd.inl for what must not be included here.
#include <cstddef>
#include <cstdint>

#include "model-service/gpt2/kernels/kernels.hpp"

namespace inkfleet::gpt2 {
namespace {

constexpr int kLanes = 8;
// Tiles that fill the registers: vectors of scores, and of values a row.
constexpr int kScoreTileVecs = 8;
constexpr int kValueTileVecs = 2;

#include "model-service/gpt2/kernels/attention.inl"
#include "model-service/gpt2/kernels/rows.inl"

}  // namespace

extern const Kernels kAvx2Kernels;
const Kernels kAvx2Kernels{"AVX2", layer_norm, add, gelu_tanh, gelu_erf, relu, attend};

}  // namespace inkfleet::gpt2
