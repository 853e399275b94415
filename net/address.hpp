#pragma once

#include <string>
#include <string_view>

#include "net/aliases.hpp"

namespace inkfleet::net {

/// Reads "127.0.0.1:8080", "[::1]:8080" or ":8080" (every IPv4 address). Numbers only, no names.
/// Throws std::runtime_error with one line that names `what` (a flag or key), the value and the form
/// expected.
tcp::endpoint parse_endpoint(std::string_view what, std::string_view text);

/// "127.0.0.1:8080", "[::1]:8080": what parse_endpoint reads.
std::string to_string(const tcp::endpoint& endpoint);

/// A WebSocket address in its parts.
struct WebSocketUrl {
  std::string host;  ///< name or address, IPv6 without brackets
  std::string port;  ///< decimal
  std::string path;  ///< begins with a slash

  std::string authority() const;  ///< "host:port", IPv6 in brackets
  std::string str() const;
};

/// Reads "ws://host[:port]/path". Throws std::runtime_error as parse_endpoint does.
WebSocketUrl parse_websocket_url(std::string_view what, std::string_view text);

}  // namespace inkfleet::net
