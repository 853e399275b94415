#pragma once

// Whole numbers of 8 bits, and the scale that a row of them shares.

#include "model-service/gpt2/kernels/simd.inl"

typedef std::int8_t Byte;

static inline Vec load(const Byte* p) {
#if defined(__AVX512F__)
  const __m512i wide = _mm512_maskz_cvtepi8_epi32(0xffff, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return (Vec)_mm512_maskz_cvtepi32_ps(0xffff, wide);
#elif defined(__AVX2__)
  return (Vec)_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#else
  IntVec wide;
  for (int i = 0; i < kLanes; ++i) wide[i] = p[i];
  return __builtin_convertvector(wide, Vec);
#endif
}

/// The scale at which a row's largest magnitude is 127. Of a row that is nearly 0 everywhere: 0; of one that is
/// not finite: not a number.
static inline float byte_scale(const float* x, int width) {
  Vec largest{}, poison{};
  for (int i = 0; i < width; i += kLanes) {
    const Vec v = width - i >= kLanes ? load(x + i) : load_some(x + i, width - i);
    largest = max(largest, v < 0.0F ? -v : v);
    poison += v * 0.0F;
  }
  const float scale = max_of_lanes(largest) / 127.0F;
  return (scale > 1e-30F ? scale : 0.0F) + sum_of_lanes(poison);
}

/// Writes a row of `width` floats as whole numbers `stride` apart, and returns their scale.
static inline float store_bytes(const float* x, int width, Byte* to, std::ptrdiff_t stride) {
  const float scale = byte_scale(x, width);
  const float factor = scale > 0.0F ? 1.0F / scale : 0.0F;
  const Vec shifter = broadcast(12582912.0F);  // 1.5 * 2^23: adding it rounds to a whole number
  for (int i = 0; i < width; i += kLanes) {
    const Vec v = width - i >= kLanes ? load(x + i) : load_some(x + i, width - i);
    const IntVec whole = reinterpret_cast<IntVec>(v * factor + shifter) - reinterpret_cast<IntVec>(shifter);
    for (int k = 0; k < kLanes && i + k < width; ++k) to[(i + k) * stride] = static_cast<Byte>(whole[k]);
  }
  return scale;
}
