#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "proto/frames.hpp"

namespace inkfleet::load {

using Clock = std::chrono::steady_clock;

/// What all requests of a run have in common.
struct RequestShape {
  int n = 5;
  int max_tokens = 40;
  double temperature = 0.7;
  int top_k = 10;
};

struct LoadRequest {
  std::uint64_t number = 0;  ///< no other request of the run has it
  std::string prompt;
  std::uint64_t seed = 0;
  Clock::time_point deadline;
};

/// Hears what becomes of requests. Each request ends in one on_completed or one on_failed.
class DriverEvents {
 public:
  virtual ~DriverEvents() = default;
  /// A piece of one suggestion came.
  virtual void on_tokens(std::uint64_t number, int suggestion, int tokens, Clock::time_point now) = 0;
  /// All suggestions came whole.
  virtual void on_completed(std::uint64_t number, const proto::Usage& usage, Clock::time_point now) = 0;
  virtual void on_failed(std::uint64_t number, std::string_view code, Clock::time_point now) = 0;
};

/// Speaks the protocol of one kind of server. Single-threaded on its executor.
class Driver {
 public:
  virtual ~Driver() = default;

  /// Returns once requests can be sent. Throws std::runtime_error when the server cannot be reached.
  virtual boost::asio::awaitable<void> open() = 0;

  /// Sends a request and does not wait for anything. `events` hears of it, perhaps at once, and must live
  /// until its end.
  virtual void send(LoadRequest request, DriverEvents& events) = 0;

  /// Ends every request that still has no answer as failed with `code`.
  virtual void abandon(std::string_view code) = 0;

  /// Leaves the server. Call it once, with no request open.
  virtual boost::asio::awaitable<void> close() = 0;
};

}  // namespace inkfleet::load
