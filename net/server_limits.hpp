#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <variant>

#include "net/server_options.hpp"

/// The limits of a server that are settings: keys of the gateway's `limits`, flags of a service.
namespace inkfleet::net {

struct ServerLimit {
  using Value = std::variant<std::size_t*, std::chrono::milliseconds*>;

  const char* name;  ///< "handshake_ms"; the flag is "--handshake-ms"
  const char* meaning;
  long least, most;
  Value (*of)(ServerOptions&);
};

/// Each, once.
std::span<const ServerLimit> server_limits();

long value_of(const ServerLimit& limit, ServerOptions options);
void set(const ServerLimit& limit, ServerOptions& options, long value);

/// Throws std::runtime_error with one line, beginning with `what`, if limits contradict each other.
void check_limits(const std::string& what, const ServerOptions& options);

/// Lets this process open as many files as it ever may: raises the soft limit to the hard one. Returns it.
std::size_t raise_descriptor_limit();

/// With at most as many connections as there are descriptors, less some for all else; says so in the log if
/// that is fewer than wanted.
ServerOptions fit_descriptors(ServerOptions options, std::size_t descriptors);

}  // namespace inkfleet::net
