#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "gateway/balancer.hpp"

namespace inkfleet::gateway {

struct Order;

/// A request that has ended, for the log.
struct EndedRequest {
  const Order& order;   ///< its id is the one the service knows
  std::string_view id;  ///< the asker's own
  std::string service;  ///< address of the last one; empty: none
  std::string_view outcome;
  int moves = 0;
  Clock::duration took{};
};

/// One line for each request. No text of anybody is in it.
void log_ended(const EndedRequest& request);

}  // namespace inkfleet::gateway
