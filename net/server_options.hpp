#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "net/networks.hpp"
#include "proto/limits.hpp"

namespace boost::asio::ssl {
class context;
}

namespace inkfleet::net {

struct ConnectionOptions {
  std::size_t frame_limit = proto::limits::kEditorFrameBytes;       ///< larger messages close with 1009
  std::chrono::milliseconds handshake = proto::limits::kHandshake;  ///< opening, and the closing one
  std::chrono::milliseconds ping_interval = proto::limits::kPingInterval;
  std::chrono::milliseconds idle_close = proto::limits::kIdleClose;      ///< nothing arrived, no pong either
  std::chrono::milliseconds stuck_reader = proto::limits::kStuckReader;  ///< one write may take this long
  /// While more than this waits to be written nothing is read: who does not read is not listened to. 0: no
  /// limit.
  std::size_t waiting_output = proto::limits::kWaitingOutputBytes;
  /// Beyond this many times `waiting_output` the connection is dropped.
  std::size_t waiting_factor = 64;
};

struct ServerOptions {
  ConnectionOptions connection;
  std::size_t body_limit = proto::limits::kHttpBodyBytes;            ///< beyond: 413
  std::size_t header_limit = proto::limits::kHttpHeaderBytes;        ///< beyond: 431
  std::chrono::milliseconds body_time = proto::limits::kHttpBody;    ///< for the whole of a body
  std::chrono::milliseconds keep_alive = proto::limits::kKeepAlive;  ///< between two requests
  std::size_t connections = proto::limits::kConnections;             ///< beyond: 503
  std::size_t per_address = proto::limits::kConnectionsPerAddress;   ///< beyond: 429
  bool count_loopback = false;                                       ///< else loopback is not counted
  Networks trusted_proxies;                                          ///< are believed, and not counted
  std::shared_ptr<boost::asio::ssl::context> tls;                    ///< null: none
};

}  // namespace inkfleet::net
