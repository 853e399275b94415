// Included inside an unnamed namespace, for the reason that simd.inl gives.

/// For a row between these numbers, 0 among them. A row that is nearly 0 everywhere becomes 0.
static inline RowScale row_scale(float smallest, float largest, bool finite) {
  if (!finite) return {__builtin_nanf(""), 0};
  const float scale = largest / 255.0F - smallest / 255.0F;
  if (!(scale > 1e-30F)) return {0.0F, 0};
  return {scale, static_cast<std::int32_t>(__builtin_rintf(-smallest / scale))};
}
