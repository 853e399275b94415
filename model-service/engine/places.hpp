#pragma once

#include <vector>

namespace inkfleet::engine {

/// The places for suggestions that decode at the same time, and about when each becomes free: what is known
/// of the future of a full engine. Times are tokens of one suggestion. Of what waits only the sum is kept:
/// spread over all places, it puts off every end alike. Pure.
class Places {
 public:
  explicit Places(int count = 1) : count_(count) {}

  /// A suggestion has a place for so many tokens more.
  void hold(int tokens) { ends_.push_back(tokens); }

  /// A suggestion will take a place for so many tokens when its turn has come.
  void take(int tokens);

  /// When so many more suggestions would all have a place; 0: now. Of what waits, this share comes before
  /// them.
  [[nodiscard]] int free_in(int suggestions, double share_before = 1.0) const;

 private:
  int count_;
  std::vector<int> ends_;  // of those that have a place
  int waiting_ = 0;        // tokens of those that have none
};

}  // namespace inkfleet::engine
