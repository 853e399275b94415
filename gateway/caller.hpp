#pragma once

#include <optional>
#include <string>

namespace inkfleet::gateway {

/// Who asks, as limits and the share of a service's time see it. A session gets it at its upgrade.
struct Caller {
  std::string name;  ///< "key:NAME" of its API key; without one "address:ADDR" of the client
  std::optional<std::string> traceparent{};  ///< that it came with; not checked

  /// Answers may be shared between callers of the same owner: a key, or all who have none.
  [[nodiscard]] std::string owner() const { return name.starts_with("key:") ? name : std::string(); }
};

}  // namespace inkfleet::gateway
