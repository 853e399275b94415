#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "net/aliases.hpp"

namespace inkfleet::net {

/// Calls `late` on the executor if it still stands when the time is over. Boost 1.81 has no cancel_after, and
/// `a || b` is meant to end whole sessions; closing the socket from here is how one operation is bounded.
class Deadline {
 public:
  template <class Late>
  Deadline(const asio::any_io_executor& executor, std::chrono::steady_clock::duration time, Late late)
      : timer_(executor, time) {
    timer_.async_wait([late = std::move(late)](boost::system::error_code cancelled) mutable {
      if (!cancelled) late();
    });
  }

 private:
  asio::steady_timer timer_;  // its destruction cancels the wait
};

}  // namespace inkfleet::net
