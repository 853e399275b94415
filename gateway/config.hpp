#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.hpp"

namespace inkfleet::gateway {

/// One model: where editors find it and which services compute it.
struct Route {
  std::string name;                  ///< the suffix without its slash: "gpt2-medium"
  std::vector<std::string> aliases;  ///< other names that mean this model
  std::vector<net::WebSocketUrl> upstreams;
};

/// How services are asked for their health.
struct ProbeTimes {
  std::chrono::milliseconds interval{500};  ///< from one probe's begin to the next one's; 0: no probes
  std::chrono::milliseconds timeout{1'000};
};

struct Config {
  std::string listen = "127.0.0.1:8080";
  std::string admin_listen;  ///< empty: none
  std::vector<Route> routes;
  std::chrono::seconds resolve{10};  ///< names among the upstreams' hosts are looked up so often; 0: once
  ProbeTimes probes;
};

/// Reads a configuration. Throws std::runtime_error with one line naming `file`, the key's path, what was
/// expected and what was found; unknown keys are refused, so that a misspelt one does not pass silently.
Config parse_config(std::string_view file, std::string_view text);

/// Reads the file and parses it.
Config load_config(const std::string& file);

}  // namespace inkfleet::gateway
