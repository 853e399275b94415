#pragma once

#include <chrono>

namespace inkfleet::engine {

/// How many rows a step may compute so that it ends in time: a step that takes seconds looks like a hang to
/// whoever watches, and holds up every cancel. Learns from what steps took. Pure; one thread.
///
/// The time of a step is a fixed part (the weights are read) and a part for each row, so what a step with few
/// rows took, taken for all of them, promises less than a larger one can do: the budget never grows too far.
class StepBudget {
 public:
  /// Never fewer than `least` rows, nor more than `most`; with no step seen yet, `least`.
  StepBudget(int least, int most, std::chrono::duration<double> goal);

  [[nodiscard]] int rows() const { return rows_; }

  /// A step of so many rows took so long.
  void observe(int rows, std::chrono::duration<double> took);

 private:
  int least_;
  int most_;
  std::chrono::duration<double> goal_;
  int rows_;
};

}  // namespace inkfleet::engine
