#pragma once

#include <chrono>
#include <cstdint>

namespace inkfleet::bench {

/// Microseconds of the machine's monotonic clock, which all its processes share.
inline std::int64_t now_us() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

}  // namespace inkfleet::bench
