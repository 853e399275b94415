#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "net/aliases.hpp"
#include "net/outbox.hpp"
#include "net/server_options.hpp"
#include "net/websocket.hpp"

namespace inkfleet::net {

/// One WebSocket after its handshake, on either side: one reader coroutine, one writer coroutine over an
/// Outbox. Everything happens on the stream's executor, which must run on one thread. `Layer` is
/// beast::tcp_stream, or Beast's in-memory test::stream (include net/ws_connection_impl.hpp then).
template <class Layer>
class WsConnection : public std::enable_shared_from_this<WsConnection<Layer>> {
 public:
  using Stream = websocket::stream<Layer>;

  /// Set on a stream before its handshake: limits, timeouts, no compression.
  static void configure(Stream& stream, const ConnectionOptions& options);

  WsConnection(Stream stream, const ConnectionOptions& options);

  /// The session's way to answer. Does nothing once the connection is gone.
  std::shared_ptr<WebSocketPeer> peer();

  /// Converses until either end closes or the connection breaks; then the session has had its one on_closed()
  /// and is destroyed. Call once.
  asio::awaitable<void> run(std::unique_ptr<WebSocketSession> session);

  void send(proto::ServerFrame frame);
  void send_latest(std::string key, std::string text);
  void close(CloseCode code, std::string_view reason);

  /// Breaks the connection off without a word.
  void drop();

 private:
  asio::awaitable<void> read_loop();
  asio::awaitable<void> write_loop();
  void gather(bool more_follows);
  asio::awaitable<bool> write(std::string text);
  asio::awaitable<bool> ping();
  asio::awaitable<void> say_goodbye();
  asio::awaitable<void> wait_for_output();
  asio::awaitable<void> wait_for_room();
  void deliver(std::string_view message);
  void end_session();
  void output_changed();
  bool reader_is_behind() const;
  bool is_idle() const;

  struct Goodbye {
    CloseCode code;
    std::string reason;
  };

  Stream stream_;
  ConnectionOptions options_;
  std::unique_ptr<WebSocketSession> session_;
  Outbox outbox_;
  std::optional<Goodbye> goodbye_;
  asio::steady_timer
      output_;  // wakes the writer: expires when a ping is due, is cancelled when there is output
  asio::steady_timer room_;  // wakes the reader when the outbox has been emptied enough
  std::chrono::steady_clock::time_point next_ping_;
  std::chrono::steady_clock::time_point last_heard_;
  bool gathering_ = false;  // the system holds back what is written
  bool over_ = false;
};

using TcpWsConnection = WsConnection<beast::tcp_stream>;
extern template class WsConnection<beast::tcp_stream>;

}  // namespace inkfleet::net
