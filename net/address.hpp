#pragma once

#include <optional>
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

/// An authority in its parts, the host without brackets.
struct HostAndPort {
  std::string_view host;
  std::optional<std::string_view> port;
};

/// Splits "host:port", "[v6]:port", "host" or "[v6]"; nothing if brackets or colons are out of place.
std::optional<HostAndPort> split_host_port(std::string_view text);

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
