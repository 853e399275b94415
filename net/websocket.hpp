#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proto/frames.hpp"

/// The two sides of a WebSocket conversation. A session is a plain object that knows no socket: it is told
/// what arrived and answers through its peer. Everything here happens on the connection's executor.
namespace inkfleet::net {

/// WebSocket close codes we send (RFC 6455, section 7.4.1, and the IANA registry).
enum class CloseCode : std::uint16_t {
  kNormal = 1000,
  kGoingAway = 1001,
  kPolicyViolation = 1008,
  kInternalError = 1011,
  kServiceRestart = 1012,
  kTryAgainLater = 1013,
};

/// The other end, as a session sees it. Outlives its connection: after that, calls do nothing.
class WebSocketPeer {
 public:
  virtual ~WebSocketPeer() = default;

  /// Queues a frame. While the other end reads slowly, waiting deltas of one suggestion merge.
  virtual void send(proto::ServerFrame frame) = 0;

  /// Queues text that replaces what still waits under the same key (empty key: replaces nothing).
  virtual void send_latest(std::string key, std::string text) = 0;

  /// Writes what waits, then closes. `on_closed` follows.
  virtual void close(CloseCode code, std::string_view reason) = 0;

  /// Breaks the connection off without a word, where there is one to break. `on_closed` follows.
  virtual void drop() { close(CloseCode::kInternalError, ""); }
};

/// One connection's conversation. Destroyed on the connection's executor.
class WebSocketSession {
 public:
  virtual ~WebSocketSession() = default;

  /// A text message; valid UTF-8, at most the listener's limit.
  virtual void on_text(std::string_view text) = 0;

  /// A binary message, whose bytes nobody wants.
  virtual void on_binary() = 0;

  /// A message begins to be written that answers one which another connection read so long ago.
  virtual void on_write(std::chrono::steady_clock::duration) {}

  /// The connection is gone, for whatever reason. The last call, made exactly once.
  virtual void on_closed() = 0;
};

}  // namespace inkfleet::net
