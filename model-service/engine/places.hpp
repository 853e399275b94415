#pragma once

#include <vector>

namespace inkfleet::engine {

/// The places for suggestions that decode at the same time, and when each becomes free: what is known of the
/// future of a full engine. Times are tokens of one suggestion. List scheduling (Graham 1969): whatever waits
/// takes the place that is free first. Pure.
class Places {
 public:
  explicit Places(int count = 1) : count_(count) {}

  /// A suggestion takes its place for so many tokens as soon as one is free, or beside them all.
  void take(int tokens);
  void take_beside(int tokens);

  /// When so many more suggestions would all have a place; 0: now.
  [[nodiscard]] int free_in(int suggestions) const;

 private:
  int count_;
  std::vector<int> ends_;  // of those that have a place; a heap, the earliest on top
};

}  // namespace inkfleet::engine
