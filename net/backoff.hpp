#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace inkfleet::net {

/// Pauses between attempts: doubling up to a bound, each drawn from its upper half so that many clients of
/// one server that came back do not all knock at once.
class Backoff {
 public:
  struct Range {
    std::chrono::milliseconds first{100};
    std::chrono::milliseconds longest{5'000};
  };

  explicit Backoff(Range range, std::uint_fast32_t seed = std::random_device{}())
      : range_(range), next_(range.first), random_(seed) {}

  /// The pause before the next attempt.
  std::chrono::milliseconds pause() {
    std::uniform_int_distribution<std::chrono::milliseconds::rep> upper_half(next_.count() / 2,
                                                                             next_.count());
    const std::chrono::milliseconds drawn(upper_half(random_));
    next_ = std::min(next_ * 2, range_.longest);
    return drawn;
  }

  /// An attempt succeeded.
  void reset() { next_ = range_.first; }

 private:
  Range range_;
  std::chrono::milliseconds next_;
  std::minstd_rand random_;
};

}  // namespace inkfleet::net
