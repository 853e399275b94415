#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "net/aliases.hpp"
#include "net/http_app.hpp"
#include "net/ws_connection.hpp"

namespace inkfleet::net {

struct ServerOptions {
  ConnectionOptions connection;
  std::size_t body_limit = proto::limits::kHttpBodyBytes;  ///< beyond: 413
  std::size_t header_limit = 16 * 1024;                    ///< beyond: 431
  std::chrono::milliseconds keep_alive{60'000};            ///< how long an idle HTTP connection may wait
};

/// HTTP/1.1 and WebSocket on one or more addresses, answered by one HttpApp.
///
/// Threads: the executor must run on a single thread; no strand is taken. Other threads reach what is served
/// here by posting to the executor. Lifetime: the app must outlive the server, and the server its
/// connections: let stop() return (or the io_context be destroyed) before either goes away.
class HttpServer {
 public:
  HttpServer(asio::any_io_executor executor, HttpApp& app, ServerOptions options = {});
  ~HttpServer();

  /// Begins to accept; port 0 picks one. Returns the address bound. Throws std::runtime_error with one clear
  /// line when the address cannot be had.
  tcp::endpoint listen(const tcp::endpoint& address);

  /// Accepts nothing more and says goodbye to every WebSocket (1012); what is still there after `limit` is
  /// dropped. Returns when no connection is left. Requests being answered are let finish within `limit`.
  asio::awaitable<void> stop(std::chrono::milliseconds limit);

  /// Connections open now, HTTP and WebSocket.
  std::size_t connections() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace inkfleet::net
