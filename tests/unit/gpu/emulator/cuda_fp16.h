#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

/// IEEE's format of 16 bits; rounds to nearest, ties to even.
struct __half {
  std::uint16_t bits;
};

namespace emulator {

/// All of them: without an instruction for it a conversion is a call.
inline const std::vector<float>& all_halves() {
  static const std::vector<float> numbers = [] {
    std::vector<float> all;
    for (std::uint32_t bits = 0; bits < 1U << 16; ++bits) {
      const auto half = static_cast<std::uint16_t>(bits);
      _Float16 number;
      std::memcpy(&number, &half, sizeof number);
      all.push_back(static_cast<float>(number));
    }
    return all;
  }();
  return numbers;
}
inline const float* const all_halves_begin = all_halves().data();

}  // namespace emulator

inline float __half2float(__half x) {
  return emulator::all_halves_begin[x.bits];
}
inline __half __float2half_rn(float x) {
  const auto number = static_cast<_Float16>(x);
  __half half;
  std::memcpy(&half, &number, sizeof half);
  return half;
}
