#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "net/aliases.hpp"
#include "net/http_app.hpp"
#include "net/server_options.hpp"

namespace inkfleet::net {

/// HTTP/1.1 and WebSocket on one or more addresses, answered by one HttpApp.
///
/// Threads: the executor must run on a single thread; no strand is taken. Other threads reach what is served
/// here by posting to the executor. Lifetime: the app must outlive the server, and the server its
/// connections: let stop() return (or the io_context be destroyed) before either goes away.
class HttpServer {
 public:
  HttpServer(asio::any_io_executor executor, HttpApp& app, ServerOptions options = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Begins to accept; port 0 picks one. Returns the address bound. Throws std::runtime_error with one clear
  /// line when the address cannot be had.
  tcp::endpoint listen(const tcp::endpoint& address);

  /// For connections to come; those that are open keep their WebSocket's times and sizes.
  void set_options(ServerOptions options);

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
