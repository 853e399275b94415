#include "gateway/callers.hpp"

#include <span>

#include "net/sha256.hpp"

namespace inkfleet::gateway {

bool Callers::has_room(const Caller& caller, std::size_t more) const {
  const auto found = live_.find(caller.name);
  return (found == live_.end() ? 0 : found->second) + more <= limit_;
}

void Callers::leave(const Caller& caller) {
  const auto found = live_.find(caller.name);
  if (--found->second == 0) live_.erase(found);
}

std::string client_of(const Caller& caller) {
  constexpr std::size_t kBytes = 7;  // collisions among a million callers are unlikely
  const auto digest = net::sha256(caller.name);
  return net::hexadecimal(std::span(digest).first(kBytes));
}

}  // namespace inkfleet::gateway
