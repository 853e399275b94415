// The 8-bit kernels for machines with AVX-512 and VNNI; see simd.inl for what must not be included here.
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "model-service/gpt2/kernels/int8.hpp"

namespace inkfleet::gpt2 {
namespace {

constexpr int kLanes = 16;
constexpr int kTileRows = 6;
constexpr int kTileVecs = 4;

typedef std::int32_t Ints __attribute__((vector_size(64)));

inline Ints dot(Ints sums, Ints unsigned_bytes, Ints signed_bytes) {
  return reinterpret_cast<Ints>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sums),
                                                    reinterpret_cast<__m512i>(unsigned_bytes),
                                                    reinterpret_cast<__m512i>(signed_bytes)));
}
inline void store_bytes(std::uint8_t* out, Ints numbers) {
  const __m128i bytes = _mm512_maskz_cvtepi32_epi8(0xffff, reinterpret_cast<__m512i>(numbers));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
}

#include "model-service/gpt2/kernels/int8.inl"

}  // namespace

extern const Int8Kernels kAvx512VnniInt8Kernels;
const Int8Kernels kAvx512VnniInt8Kernels{"AVX512-VNNI", 127, quantize_row, multiply};

}  // namespace inkfleet::gpt2
