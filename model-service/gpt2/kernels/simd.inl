#pragma once

// Vectors of kLanes floats, with the operators of the compiler's vector extension (a * b + c becomes one
// fused instruction where there is one). Included inside an unnamed namespace: each instruction set has its
// own copy, and no inline function of a library may be used here, or the linker could give the baseline
// another set's copy.

typedef float Vec __attribute__((vector_size(kLanes * 4)));
typedef std::int32_t IntVec __attribute__((vector_size(kLanes * 4)));
typedef float UnalignedVec __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));

static inline Vec load(const float* p) {
  return *reinterpret_cast<const UnalignedVec*>(p);
}
static inline void store(float* p, Vec v) {
  *reinterpret_cast<UnalignedVec*>(p) = v;
}
static inline Vec broadcast(float f) {
  return Vec{} + f;
}
static inline Vec min(Vec a, Vec b) {
  return a < b ? a : b;
}
static inline Vec max(Vec a, Vec b) {
  return a > b ? a : b;
}

/// The lanes' sum and maximum, in the order of the lanes.
static inline float sum_of_lanes(Vec v) {
  float sum = v[0];
  for (int i = 1; i < kLanes; ++i) sum += v[i];
  return sum;
}
static inline float max_of_lanes(Vec v) {
  float best = v[0];
  for (int i = 1; i < kLanes; ++i) best = v[i] > best ? v[i] : best;
  return best;
}

/// The first `count` floats at p, the other lanes 0.
static inline Vec load_some(const float* p, int count) {
  Vec v{};
  for (int i = 0; i < count; ++i) v[i] = p[i];
  return v;
}
static inline void store_some(float* p, Vec v, int count) {
  for (int i = 0; i < count; ++i) p[i] = v[i];
}

/// e^x to 2 units in the last place (the polynomial is that of Cephes' expf); 0 below -87, where floats end.
static inline Vec exp(Vec x) {
  const Vec clamped = min(max(x, broadcast(-87.0F)), broadcast(88.0F));
  const Vec shifter = broadcast(12582912.0F);  // 1.5 * 2^23: adding it rounds to a whole number
  const Vec shifted = clamped * 1.44269504F + shifter;
  const Vec n = shifted - shifter;
  const Vec r = (clamped - n * 0.693359375F) + n * 2.12194440e-4F;
  Vec p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  const Vec mantissa = p * (r * r) + r + 1.0F;
  const IntVec exponent = reinterpret_cast<IntVec>(shifted) - reinterpret_cast<IntVec>(shifter);
  const Vec result = reinterpret_cast<Vec>(reinterpret_cast<IntVec>(mantissa) + (exponent << 23));
  return x != x ? x : x < -87.0F ? Vec{} : result;
}

/// Replaces x by f(x). A row's tail goes through a whole vector too, so that every element is computed alike.
template <class Function>
static inline void apply(float* x, int width, Function f) {
  int i = 0;
  for (; i + kLanes <= width; i += kLanes) store(x + i, f(load(x + i)));
  if (i < width) store_some(x + i, f(load_some(x + i, width - i)), width - i);
}
