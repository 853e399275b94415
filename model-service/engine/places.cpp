#include "model-service/engine/places.hpp"

#include <algorithm>

namespace inkfleet::engine {

void Places::take(int tokens) {
  if (static_cast<int>(ends_.size()) < count_) {
    hold(tokens);
  } else {
    waiting_ += tokens;
  }
}

int Places::free_in(int suggestions, double share_before) const {
  const int missing = static_cast<int>(ends_.size()) + std::min(suggestions, count_) - count_;
  if (missing <= 0) return 0;
  auto ends = ends_;
  const auto last = ends.begin() + (missing - 1);
  std::ranges::nth_element(ends, last);
  return *last + static_cast<int>(share_before * waiting_) / count_;
}

}  // namespace inkfleet::engine
