#pragma once

#include <string>
#include <string_view>

namespace inkfleet::terminal {

/// The parts of a WebSocket address.
struct Url {
  std::string host;  ///< without the brackets of an IPv6 address
  std::string port;
  std::string authority;  ///< as written, for the Host header
  std::string target;     ///< path and query, at least "/"
};

/// Reads ws://HOST[:PORT][/PATH]. Throws std::runtime_error saying what is expected.
Url parse_url(std::string_view text);

}  // namespace inkfleet::terminal
