#include "model-service/engine/places.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>

namespace inkfleet::engine {
namespace {

using Heap = std::vector<int>;

void push(Heap& ends, int end) {
  ends.push_back(end);
  std::ranges::push_heap(ends, std::greater{});
}

// When a place is free; it is taken out of those that have an end.
int wait_for_place(Heap& ends, int count) {
  int now = 0;
  while (ends.size() >= static_cast<std::size_t>(count)) {
    std::ranges::pop_heap(ends, std::greater{});
    now = ends.back();
    ends.pop_back();
  }
  return now;
}

}  // namespace

void Places::take(int tokens) {
  push(ends_, wait_for_place(ends_, count_) + tokens);
}

void Places::take_beside(int tokens) {
  push(ends_, tokens);
}

int Places::free_in(int suggestions) const {
  constexpr int kNever = std::numeric_limits<int>::max();
  auto ends = ends_;
  int last = 0;
  for (int i = 0; i < std::min(suggestions, count_); ++i) {
    last = std::max(last, wait_for_place(ends, count_));
    push(ends, kNever);
  }
  return last;
}

}  // namespace inkfleet::engine
