#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "proto/frames.hpp"

namespace inkfleet::engine {

using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

/// Names a request among all of an engine's; drawn by whoever submits, never used twice.
using RequestKey = std::uint64_t;

/// A request ready to run: every value valid, the prompt tokenized and cut to its budget.
struct Request {
  RequestKey key = 0;
  proto::Suggest suggest;              ///< with `seed` drawn
  std::vector<proto::TokenId> prompt;  ///< at least one token
  int dropped_tokens = 0;              ///< of the prompt's beginning
  TimePoint submitted;
};

/// A frame for the client of a request. Those that end it are `Completed`, and `Error`.
struct Event {
  RequestKey key = 0;
  proto::ServerFrame frame;
};

using Events = std::vector<Event>;

}  // namespace inkfleet::engine
