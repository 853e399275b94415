#pragma once

#include <cstdint>
#include <cstring>

/// The upper half of a float; rounds to nearest, ties to even.
struct __nv_bfloat16 {
  std::uint16_t bits;
};

inline float __bfloat162float(__nv_bfloat16 x) {
  const std::uint32_t bits = std::uint32_t{x.bits} << 16;
  float number = 0;
  std::memcpy(&number, &bits, sizeof number);
  return number;
}
inline __nv_bfloat16 __float2bfloat16_rn(float x) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  if (x != x) return {static_cast<std::uint16_t>(0x7fffU)};
  return {static_cast<std::uint16_t>((bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16)};
}
