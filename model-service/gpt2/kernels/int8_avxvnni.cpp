// The 8-bit kernels for machines with AVX-VNNI but not AVX-512; see simd.inl for what must not be included
// here.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "model-service/gpt2/kernels/int8.hpp"

namespace inkfleet::gpt2 {
namespace {

constexpr int kLanes = 8;
constexpr int kTileRows = 6;
constexpr int kTileVecs = 2;

typedef std::int32_t Ints __attribute__((vector_size(32)));

inline Ints dot(Ints sums, Ints unsigned_bytes, Ints signed_bytes) {
  return reinterpret_cast<Ints>(_mm256_dpbusd_avx_epi32(reinterpret_cast<__m256i>(sums),
                                                        reinterpret_cast<__m256i>(unsigned_bytes),
                                                        reinterpret_cast<__m256i>(signed_bytes)));
}
inline void store_bytes(std::uint8_t* out, Ints numbers) {
  const auto wide = reinterpret_cast<__m256i>(numbers);
  const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(wide), _mm256_extracti128_si256(wide, 1));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_packus_epi16(words, words));
}

#include "model-service/gpt2/kernels/int8.inl"

}  // namespace

extern const Int8Kernels kAvxVnniInt8Kernels;
const Int8Kernels kAvxVnniInt8Kernels{"AVX-VNNI", 127, quantize_row, multiply};

}  // namespace inkfleet::gpt2
