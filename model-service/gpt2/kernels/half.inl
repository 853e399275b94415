#pragma once

// Elements of the key-value cache to and from vectors of floats. Halves are converted by the processor where
// it can (immintrin.h's functions are always inlined, so that they may be used here), else by whole numbers;
// the bits are the same.

#include "model-service/gpt2/kernels/simd.inl"

typedef std::uint16_t Half;

constexpr float kLargestHalf = 65504.0F;

/// An infinity would turn a weight of 0 into not a number.
static inline Vec within_half(Vec v) {
  return v > kLargestHalf ? broadcast(kLargestHalf) : v < -kLargestHalf ? broadcast(-kLargestHalf) : v;
}

#ifdef __F16C__

// To the nearest, halfway to even.
static inline void store(Half* p, Vec v) {
#ifdef __AVX512F__
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_maskz_cvtps_ph(0xffff, (__m512)within_half(v), _MM_FROUND_TO_NEAREST_INT));
#else
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph((__m256)within_half(v), 0));
#endif
}

static inline Vec load(const Half* p) {
#ifdef __AVX512F__
  // With a mask of ones, because GCC 12 takes the unmasked one's undefined operand for a mistake of ours.
  return (Vec)_mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#else
  return (Vec)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#endif
}

#else

// Both after Fabian Giesen, "half to float done quick": the exponent moves by whole-number addition, and
// subnormal halves are made normal by a subtraction (or addition) of floats that rounds as it should.
static inline Half rounded_to_half(float value) {
  std::uint32_t bits;
  __builtin_memcpy(&bits, &value, 4);
  const std::uint32_t sign = bits & 0x80000000U;
  bits ^= sign;
  if (bits > 0x7f800000U) {
    bits = 0x7e00;
  } else if (bits < 113U << 23U) {
    float magnitude;
    __builtin_memcpy(&magnitude, &bits, 4);
    magnitude += 0.5F;
    __builtin_memcpy(&bits, &magnitude, 4);
    bits -= 126U << 23U;
  } else {
    const std::uint32_t odd = (bits >> 13U) & 1U;
    bits = (bits - (112U << 23U) + 0xfffU + odd) >> 13U;
  }
  return static_cast<Half>(bits | sign >> 16U);
}

static inline void store(Half* p, Vec v) {
  const Vec bounded = within_half(v);
  for (int i = 0; i < kLanes; ++i) p[i] = rounded_to_half(bounded[i]);
}

static inline Vec load(const Half* p) {
  IntVec half;
  for (int i = 0; i < kLanes; ++i) half[i] = p[i];
  const IntVec magnitude = (half & 0x7fff) << 13;
  const IntVec exponent = magnitude & (0x7c00 << 13);
  const IntVec moved = magnitude + (112 << 23);
  const IntVec special = moved + (112 << 23);
  const IntVec subnormal = (IntVec)((Vec)(moved + (1 << 23)) - 6.103515625e-5F);
  const IntVec bits = exponent == 0 ? subnormal : exponent == (0x7c00 << 13) ? special : moved;
  return (Vec)(bits | (half & 0x8000) << 16);
}

#endif

/// `count` is a multiple of 16.
static void to_half(const float* from, std::uint16_t* to, int count) {
  for (int i = 0; i < count; i += kLanes) store(to + i, load(from + i));
}
static void from_half(const std::uint16_t* from, float* to, int count) {
  for (int i = 0; i < count; i += kLanes) store(to + i, load(from + i));
}
