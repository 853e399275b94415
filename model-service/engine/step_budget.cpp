#include "model-service/engine/step_budget.hpp"

#include <algorithm>

namespace inkfleet::engine {

StepBudget::StepBudget(int least, int most, std::chrono::duration<double> goal)
    : least_(least), most_(std::max(least, most)), goal_(goal), rows_(least) {}

void StepBudget::observe(int rows, std::chrono::duration<double> took) {
  if (rows <= 0 || took.count() <= 0.0) return;
  const double in_time = std::clamp(rows * (goal_ / took), 0.0, static_cast<double>(most_));
  const int safe = std::max(least_, static_cast<int>(in_time));
  rows_ = took > goal_ ? std::min(rows_, safe) : std::max(rows_, safe);
}

}  // namespace inkfleet::engine
