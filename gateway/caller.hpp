#pragma once

#include <string>

namespace inkfleet::gateway {

/// Who asks, as limits and the share of a service's time see it. A session gets it at its upgrade.
struct Caller {
  std::string name;  ///< "key:NAME" of its API key; without keys "address:ADDR" of the client
};

}  // namespace inkfleet::gateway
