#pragma once

#include <cstdint>
#include <cstring>

/// IEEE's format of 16 bits; rounds to nearest, ties to even.
struct __half {
  std::uint16_t bits;
};

inline float __half2float(__half x) {
  _Float16 number;
  std::memcpy(&number, &x, sizeof number);
  return static_cast<float>(number);
}
inline __half __float2half_rn(float x) {
  const auto number = static_cast<_Float16>(x);
  __half half;
  std::memcpy(&half, &number, sizeof half);
  return half;
}
