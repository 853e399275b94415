#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <memory>
#include <optional>

#include "net/aliases.hpp"
#include "net/http_app.hpp"
#include "net/http_server.hpp"
#include "net/ws_connection.hpp"

namespace inkfleet::net {

/// One accepted socket: requests one after the other until it closes or becomes a WebSocket.
class HttpConnection {
 public:
  HttpConnection(tcp::socket socket, HttpApp& app, const ServerOptions& options);

  /// Serves until the connection is over. Call once; the object must outlive it.
  asio::awaitable<void> run();

  /// Ends politely: 1012 to a WebSocket; an idle connection closes now, a busy one after its answer.
  void go_away();

  /// Breaks off.
  void drop();

 private:
  asio::awaitable<bool> serve_one();
  asio::awaitable<std::optional<HttpRequest>> read_request();
  asio::awaitable<void> refuse(beast::error_code error);
  asio::awaitable<HttpResponse> answer(const HttpRequest& request);
  asio::awaitable<bool> write(const HttpRequest& request, HttpResponse response);
  asio::awaitable<void> converse(HttpRequest request, SessionFactory make_session);
  asio::awaitable<void> close_after_answer();

  beast::tcp_stream stream_;
  HttpApp& app_;
  const ServerOptions& options_;
  asio::ip::address client_;
  beast::flat_buffer buffer_;
  std::shared_ptr<TcpWsConnection> websocket_;
  bool idle_ = true;
  bool going_away_ = false;
};

}  // namespace inkfleet::net
