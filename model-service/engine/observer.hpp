#pragma once

#include <chrono>

#include "proto/frames.hpp"

namespace inkfleet::engine {

/// What the engine tells about its work as it happens, on the engine thread. For metrics; must not block.
class Observer {
 public:
  virtual ~Observer() = default;

  /// From submission to a suggestion's first token.
  virtual void on_first_token(std::chrono::nanoseconds waited) = 0;
  /// From one token of a suggestion to its next.
  virtual void on_next_token(std::chrono::nanoseconds waited) = 0;
  /// Rows a step computed: prompt tokens fed, and tokens fed to continue a suggestion.
  virtual void on_step(int prefill_rows, int decode_rows) = 0;
  /// A suggestion was cancelled or abandoned; `steps` that computed something for it ended after the order
  /// had come in.
  virtual void on_cancelled(int steps) = 0;
  virtual void on_completed(const proto::Usage& usage) = 0;
  virtual void on_failed(proto::ErrorCode code) = 0;
};

}  // namespace inkfleet::engine
