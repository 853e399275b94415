#pragma once

#include <map>
#include <string>
#include <vector>

#include "gateway/config.hpp"
#include "net/address.hpp"

namespace inkfleet::gateway {

/// One service of a model: an upstream of its route, at one address.
struct ServiceAddress {
  std::string model;
  net::WebSocketUrl url;  ///< as the configuration has it
  std::string address;    ///< of url.host, in numbers

  /// "ws://10.0.0.3:9001/gpt2"; where the host is a name, its address too: "ws://models:9001/gpt2
  /// (10.0.0.3)".
  [[nodiscard]] std::string name() const;
};

/// Which services the configuration and the addresses of its names stand for, and what changes when one of
/// these does. No I/O.
class Membership {
 public:
  struct Change {
    std::vector<ServiceAddress> added;
    std::vector<ServiceAddress> removed;
  };

  /// The configuration's routes from now on. A name that is still in them keeps its addresses.
  Change set_routes(std::vector<Route> routes);

  /// What a name was resolved to. Without any address the answer is as good as none: what was known stays.
  Change set_addresses(const std::string& host, const std::vector<std::string>& addresses);

  /// The names among the routes' hosts, each once.
  [[nodiscard]] std::vector<std::string> names() const;

  /// Whether a name has no address yet.
  [[nodiscard]] bool incomplete() const;

 private:
  [[nodiscard]] std::vector<ServiceAddress> wanted() const;
  Change update();

  std::vector<Route> routes_;
  std::map<std::string, std::vector<std::string>> addresses_;  // by name
  std::vector<ServiceAddress> services_;
};

}  // namespace inkfleet::gateway
