#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "net/aliases.hpp"

namespace inkfleet::net {

/// Calls `late` on the executor if it still stands when the time is over. Boost 1.81 has no cancel_after, and
/// `a || b` is meant to end whole sessions; closing the socket from here is how one operation is bounded.
class Deadline {
 public:
  template <class Late>
  Deadline(const asio::any_io_executor& executor, std::chrono::steady_clock::duration time, Late late)
      : timer_(executor, time), armed_(std::make_shared<bool>(true)) {
    timer_.async_wait([late = std::move(late), armed = armed_](boost::system::error_code cancelled) mutable {
      if (!cancelled && *armed) late();
    });
  }
  ~Deadline() { *armed_ = false; }

  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

 private:
  asio::steady_timer timer_;     // its destruction cancels the wait ...
  std::shared_ptr<bool> armed_;  // ... unless the time was just over, and the call already queued
};

}  // namespace inkfleet::net
