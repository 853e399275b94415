#include "net/server_limits.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace inkfleet::net {

namespace {

constexpr long kKiB = 1024;
constexpr long kMiB = 1024 * kKiB;
constexpr long kTenMinutesMs = 600'000;
constexpr long kHourMs = 3'600'000;
constexpr long kMostConnections = 1'000'000;
/// Descriptors for all but a server's connections: those to services, probes, files, listeners.
constexpr std::size_t kOtherDescriptors = 128;

using Value = ServerLimit::Value;

// clang-format off
constexpr ServerLimit kLimits[] = {
    {"frame_bytes", "Largest WebSocket message taken; a larger one closes with 1009", kKiB, 64 * kMiB,
     [](ServerOptions& o) -> Value { return &o.connection.frame_limit; }},
    {"http_body_bytes", "Largest HTTP body; beyond: 413", 0, 64 * kMiB,
     [](ServerOptions& o) -> Value { return &o.body_limit; }},
    {"http_header_bytes", "Largest HTTP header; beyond: 431", kKiB, kMiB,
     [](ServerOptions& o) -> Value { return &o.header_limit; }},
    {"connections", "Open connections; beyond: 503", 1, kMostConnections,
     [](ServerOptions& o) -> Value { return &o.connections; }},
    {"connections_per_address", "Open connections of one address; beyond: 429", 1, kMostConnections,
     [](ServerOptions& o) -> Value { return &o.per_address; }},
    {"handshake_ms", "From a connection's begin to its first whole request header", 10, kTenMinutesMs,
     [](ServerOptions& o) -> Value { return &o.connection.handshake; }},
    {"http_body_ms", "For the whole of an HTTP body to arrive", 10, kTenMinutesMs,
     [](ServerOptions& o) -> Value { return &o.body_time; }},
    {"keep_alive_ms", "Between two requests of an HTTP connection", 10, kHourMs,
     [](ServerOptions& o) -> Value { return &o.keep_alive; }},
    {"ping_ms", "Between two pings of a WebSocket", 10, kTenMinutesMs,
     [](ServerOptions& o) -> Value { return &o.connection.ping_interval; }},
    {"idle_ms", "A WebSocket of which nothing is heard for so long, no pong either, is closed", 20, kTenMinutesMs,
     [](ServerOptions& o) -> Value { return &o.connection.idle_close; }},
    {"waiting_output_bytes", "With more than this to write to a WebSocket, nothing is read from it; 0: no limit", 0,
     64 * kMiB, [](ServerOptions& o) -> Value { return &o.connection.waiting_output; }},
    {"stuck_reader_ms", "Who reads nothing for so long while there is output is dropped", 10, kTenMinutesMs,
     [](ServerOptions& o) -> Value { return &o.connection.stuck_reader; }},
};
// clang-format on

}  // namespace

std::span<const ServerLimit> server_limits() {
  return kLimits;
}

long value_of(const ServerLimit& limit, ServerOptions options) {
  const auto value = limit.of(options);
  if (const auto* size = std::get_if<std::size_t*>(&value)) return static_cast<long>(**size);
  return static_cast<long>(std::get<std::chrono::milliseconds*>(value)->count());
}

void set(const ServerLimit& limit, ServerOptions& options, long value) {
  const auto at = limit.of(options);
  if (const auto* size = std::get_if<std::size_t*>(&at)) {
    **size = static_cast<std::size_t>(value);
  } else {
    *std::get<std::chrono::milliseconds*>(at) = std::chrono::milliseconds(value);
  }
}

void check_limits(const std::string& what, const ServerOptions& options) {
  const auto& times = options.connection;
  if (times.idle_close > times.ping_interval) return;
  throw std::runtime_error(
      fmt::format("{}: idle_ms is {}, ping_ms is {}: a quiet editor would be closed before it is asked; make "
                  "idle_ms the larger",
                  what, times.idle_close.count(), times.ping_interval.count()));
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<std::size_t>::max();
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

ServerOptions fit_descriptors(ServerOptions options, std::size_t descriptors) {
  const auto other = kOtherDescriptors + proto::limits::kSpareConnections;
  const auto most = descriptors > other ? descriptors - other : 1;
  if (options.connections > most) {
    spdlog::warn("limits: {} connections instead of {}: this process may open {} files; raise ulimit -n",
                 most, options.connections, descriptors);
    options.connections = most;
  }
  return options;
}

}  // namespace inkfleet::net
