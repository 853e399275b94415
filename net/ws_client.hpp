#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "net/address.hpp"
#include "net/aliases.hpp"
#include "net/backoff.hpp"
#include "net/websocket.hpp"
#include "net/ws_connection.hpp"

namespace inkfleet::net {

/// Who owns a WsClient. Calls come on the client's executor.
class WsClientEvents {
 public:
  virtual ~WsClientEvents() = default;
  virtual void on_open() = 0;
  virtual void on_text(std::string_view text) = 0;
  /// An open connection is gone; another attempt is already planned unless stop() was called.
  virtual void on_closed() = 0;
};

struct ClientOptions {
  ConnectionOptions connection{.frame_limit = proto::limits::kServiceFrameBytes, .waiting_output = 0};
  Backoff::Range backoff;
  std::string user_agent = "inkfleet";
  std::string host;  ///< the Host header; empty: that of the URL
  std::string name;  ///< for the log; empty: the URL
  /// Sent as "Authorization: Bearer" by every attempt, as it is at that time. Null or empty: none.
  std::shared_ptr<const std::string> key;
};

/// A connection that is kept: made again, after growing pauses, whenever it fails or is lost.
/// Single-threaded on its executor. `events` must live until stop() and, if it was open, until on_closed().
class WsClient {
 public:
  WsClient(asio::any_io_executor executor, WebSocketUrl url, WsClientEvents& events,
           ClientOptions options = {});
  ~WsClient();

  /// Begins to connect. Once.
  void start();

  /// Closes with 1001 and connects no more; no event follows but on_closed of an open connection.
  void stop();

  /// Queues a message; ignored while not open.
  void send(std::string text);

  bool is_open() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace inkfleet::net
