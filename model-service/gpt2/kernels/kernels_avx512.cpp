// The kernels for machines with AVX-512; see simd.inl for what must not be included here.
#include <cstddef>
#include <cstdint>

#include "model-service/gpt2/kernels/kernels.hpp"

namespace inkfleet::gpt2 {
namespace {

constexpr int kLanes = 16;
// Tiles that fill the registers: vectors of scores, and of values a row.
constexpr int kScoreTileVecs = 8;
constexpr int kValueTileVecs = 4;

#include "model-service/gpt2/kernels/attention.inl"
#include "model-service/gpt2/kernels/rows.inl"

}  // namespace

extern const Kernels kAvx512Kernels;
const Kernels kAvx512Kernels{"AVX-512", layer_norm, add, gelu_tanh, gelu_erf, relu, attend};

}  // namespace inkfleet::gpt2
