// The kernels for machines with AVX-512; see simd.inl for what must not be included here.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "model-service/gpt2/kernels/kernels.hpp"

namespace inkfleet::gpt2 {
namespace {

constexpr int kLanes = 16;
// What fills the registers: rows side by side, and vectors of their scores and of their outputs.
constexpr int kRowTile = 8;
constexpr int kScoreTileVecs = 16;
constexpr int kValueTileVecs = 16;

#include "model-service/gpt2/kernels/attention.inl"
#include "model-service/gpt2/kernels/rows.inl"

}  // namespace

extern const Kernels kAvx512Kernels;
const Kernels kAvx512Kernels{"AVX-512",     layer_norm,   add,          gelu_tanh, gelu_erf, relu,
                             attend<float>, attend<Half>, attend<Byte>, to_half,   from_half};

}  // namespace inkfleet::gpt2
