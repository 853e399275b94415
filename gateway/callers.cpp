#include "gateway/callers.hpp"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>

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
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(caller.name.data()), caller.name.size(), digest.data());
  std::string hex;
  for (std::size_t i = 0; i < kBytes; ++i) hex += fmt::format("{:02x}", digest[i]);
  return hex;
}

}  // namespace inkfleet::gateway
