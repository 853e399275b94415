#pragma once

#include <algorithm>

namespace inkfleet::gateway {

/// How many requests may be moved to another service, so that a fleet in trouble is not asked twice for
/// everything: a share of what comes in, and a reserve that one lost service with all its requests may use up
/// at once.
class RetryBudget {
 public:
  static constexpr double kShare = 0.2;      ///< of new requests
  static constexpr double kReserve = 512.0;  ///< the most that is saved, and there at start

  void on_request() { left_ = std::min(kReserve, left_ + kShare); }

  /// False when it is used up.
  bool take() {
    if (left_ < 1.0) return false;
    left_ -= 1.0;
    return true;
  }

 private:
  double left_ = kReserve;
};

}  // namespace inkfleet::gateway
