#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "gateway/caller.hpp"

namespace inkfleet::gateway {

/// The live requests of each caller, over all its connections and doors.
class Callers {
 public:
  static constexpr std::size_t kLiveRequests = 256;

  void set_limit(std::size_t live_requests) { limit_ = live_requests; }
  [[nodiscard]] std::size_t limit() const { return limit_; }

  /// For so many more.
  [[nodiscard]] bool has_room(const Caller& caller, std::size_t more = 1) const;
  void enter(const Caller& caller) { ++live_[caller.name]; }
  void leave(const Caller& caller);

 private:
  std::size_t limit_ = kLiveRequests;
  std::map<std::string, std::size_t> live_;  // by name; none is 0
};

/// The name under which services know a caller: the same at every gateway, and nothing can be read from it
/// but by who guesses the caller.
std::string client_of(const Caller& caller);

}  // namespace inkfleet::gateway
