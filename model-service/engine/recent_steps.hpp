#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace inkfleet::engine {

/// Steps by number: the first is 1, 0 is before any.
using StepNumber = std::uint64_t;

/// The newest steps that computed something for a suggestion.
class RecentSteps {
 public:
  static constexpr std::size_t kKept = 16;

  void add(StepNumber step) { steps_[added_++ % kKept] = step; }

  /// How many came after this one; of more than kKept, so many.
  [[nodiscard]] int after(StepNumber step) const {
    return static_cast<int>(std::ranges::count_if(steps_, [step](StepNumber own) { return own > step; }));
  }

 private:
  std::array<StepNumber, kKept> steps_{};
  std::size_t added_ = 0;
};

}  // namespace inkfleet::engine
