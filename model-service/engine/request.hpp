#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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
  std::string spell_again;             ///< bytes that heal took back from the prompt's end
  int dropped_tokens = 0;              ///< of the prompt's beginning
  TimePoint submitted;

  /// On whose behalf it is asked; all that name nobody are one client.
  [[nodiscard]] std::string_view client() const {
    return suggest.client ? std::string_view(*suggest.client) : std::string_view();
  }
  /// Rows it computes at most.
  [[nodiscard]] int rows() const {
    const int suggestions = suggest.resume ? static_cast<int>(suggest.resume->size()) : suggest.n;
    return static_cast<int>(prompt.size()) + suggestions * (suggest.max_tokens - 1);
  }
};

/// A text to be computed ahead, for a request that has not come yet.
struct Warmup {
  RequestKey key = 0;
  std::string document;                ///< as the client names it
  std::optional<std::string> id;       ///< of the frame, to be repeated in its answer
  std::vector<proto::TokenId> prompt;  ///< at least one token
  TimePoint submitted;
};

/// A frame for the client of a request. Those that end it are `Completed`, `Prefilled` and `Error`.
struct Event {
  RequestKey key = 0;
  proto::ServerFrame frame;
};

using Events = std::vector<Event>;

}  // namespace inkfleet::engine
