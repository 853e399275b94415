// The 8-bit kernels for machines with AVX2; see simd.inl for what must not be included here.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "model-service/gpt2/kernels/int8.hpp"

namespace inkfleet::gpt2 {
namespace {

constexpr int kLanes = 8;
constexpr int kTileRows = 4;
constexpr int kTileVecs = 2;

typedef std::int32_t Ints __attribute__((vector_size(32)));

/// Adds pairs of products in 16 bits, where they saturate: 2 × 255 × 64 just fits.
inline Ints dot(Ints sums, Ints unsigned_bytes, Ints signed_bytes) {
  const __m256i pairs = _mm256_maddubs_epi16(reinterpret_cast<__m256i>(unsigned_bytes),
                                             reinterpret_cast<__m256i>(signed_bytes));
  return sums + reinterpret_cast<Ints>(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
inline void store_bytes(std::uint8_t* out, Ints numbers) {
  const auto wide = reinterpret_cast<__m256i>(numbers);
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_packus_epi16(words, words));
}

#include "model-service/gpt2/kernels/int8.inl"

}  // namespace

extern const Int8Kernels kAvx2Int8Kernels;
const Int8Kernels kAvx2Int8Kernels{"AVX2", 64, quantize_row, multiply};

}  // namespace inkfleet::gpt2
