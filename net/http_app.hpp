#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <variant>

#include "net/aliases.hpp"
#include "net/http_answer.hpp"
#include "net/http_message.hpp"
#include "net/websocket.hpp"

namespace inkfleet::net {

/// Makes the session of a connection that was upgraded; called once, on the connection's executor.
using SessionFactory = std::function<std::unique_ptr<WebSocketSession>(std::shared_ptr<WebSocketPeer>)>;

/// What a program answers on its address. One object serves all connections of a listener, on its executor.
class HttpApp {
 public:
  virtual ~HttpApp() = default;

  /// A plain request. The reference stays valid until the answer is complete. `client` is who asks, behind
  /// the proxies that are trusted.
  virtual asio::awaitable<HttpResponse> handle(const HttpRequest& request,
                                               const asio::ip::address& client) = 0;

  /// A plain request that is answered over time; nothing when handle() answers it.
  virtual std::optional<AnswerFactory> answer_over_time(const HttpRequest&, const asio::ip::address&) {
    return std::nullopt;
  }

  /// A WebSocket upgrade: the session to start, or the plain answer that refuses it.
  virtual std::variant<SessionFactory, HttpResponse> upgrade(const HttpRequest& request,
                                                             const asio::ip::address& client) = 0;

  /// A connection was refused for a limit, before it was asked what it wants.
  virtual void on_refused(http::status) {}
};

}  // namespace inkfleet::net
