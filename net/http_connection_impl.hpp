#pragma once

#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>
#include <optional>
#include <utility>

#include "net/answer_writer.hpp"
#include "net/http_connection.hpp"
#include "net/http_refusal.hpp"
#include "net/responses.hpp"
#include "net/ws_connection.hpp"

/// The connection over any layer, for those who instantiate it: http_connection.cpp for TCP,
/// https_connection.cpp for TLS.
namespace inkfleet::net {

template <class Layer>
class HttpConnectionOn : public HttpConnection {
 public:
  HttpConnectionOn(Layer layer, Premises& premises, Visitor visitor)
      : layer_(std::move(layer)), premises_(premises), visitor_(std::move(visitor)), client_(visitor_.peer) {}

  asio::awaitable<void> run() override;
  void go_away() override;
  void drop() override;

 protected:
  static constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
  static constexpr std::chrono::seconds kLinger{1};

  Layer& layer() { return layer_; }
  beast::tcp_stream& transport() { return beast::get_lowest_layer(layer_); }

 private:
  using WebSocket = WsConnection<Layer>;

  /// What comes before the first request, within the handshake's time; false ends the connection.
  virtual asio::awaitable<bool> open() = 0;
  /// Ends the connection so that the last answer arrives; must take no longer than kLinger.
  virtual asio::awaitable<void> say_end() = 0;

  asio::awaitable<bool> serve_one();
  asio::awaitable<std::optional<HttpRequest>> read_request();
  asio::awaitable<bool> await_request();
  asio::awaitable<void> refuse(beast::error_code error);
  asio::awaitable<HttpResponse> answer(const HttpRequest& request);
  asio::awaitable<bool> write(const HttpRequest& request, HttpResponse response);
  asio::awaitable<bool> write_over_time(const HttpRequest& request, AnswerFactory make);
  asio::awaitable<bool> end_answer(bool keep);
  bool keeps(const HttpRequest& request) const;
  HttpResponse full();
  asio::awaitable<void> converse(HttpRequest request, SessionFactory make_session);
  bool find_client(const HttpRequest& request);

  Layer layer_;
  Premises& premises_;
  Visitor visitor_;
  asio::ip::address client_;  // behind the proxies that are trusted
  beast::flat_buffer buffer_;
  std::optional<typename WebSocket::Stream> opening_;
  std::shared_ptr<WebSocket> websocket_;
  bool first_ = true;
  bool idle_ = true;
  bool going_away_ = false;
};

template <class Layer>
asio::awaitable<void> HttpConnectionOn<Layer>::run() {
  transport().expires_after(premises_.options.connection.handshake);
  bool more = co_await open();  // g++ 12 miscompiles a loop that is nothing but a co_await in its condition
  while (more) more = co_await serve_one();
}

template <class Layer>
asio::awaitable<bool> HttpConnectionOn<Layer>::serve_one() {
  auto request = co_await read_request();
  if (!request) co_return false;
  if (!find_client(*request)) {
    co_return co_await write(*request, too_many_connections(premises_.options.per_address));
  }
  if (!websocket::is_upgrade(*request)) {
    auto later = premises_.app.answer_over_time(*request, client_);
    if (later && visitor_.one_answer) co_return co_await write(*request, full());
    if (later) co_return co_await write_over_time(*request, *std::move(later));
    auto response = co_await answer(*request);
    co_return co_await write(*request, std::move(response));
  }
  if (visitor_.one_answer) co_return co_await write(*request, full());
  auto decision = premises_.app.upgrade(*request, client_);
  if (auto* refused = std::get_if<HttpResponse>(&decision)) {
    co_return co_await write(*request, std::move(*refused));
  }
  co_await converse(std::move(*request), std::move(std::get<SessionFactory>(decision)));
  co_return false;
}

/// What needs a connection for long is told when the server has none left.
template <class Layer>
HttpResponse HttpConnectionOn<Layer>::full() {
  premises_.app.on_refused(http::status::service_unavailable);
  return server_is_full();
}

/// Who asks, and a place among its connections; false if it has none left.
template <class Layer>
bool HttpConnectionOn<Layer>::find_client(const HttpRequest& request) {
  client_ = client_of(visitor_.peer, premises_.options.trusted_proxies, forwarded_lines(request));
  if (client_ == visitor_.peer) return true;
  visitor_.place = {};
  auto place = premises_.place_for(client_);
  if (!place) {
    premises_.app.on_refused(http::status::too_many_requests);
    return false;
  }
  visitor_.place = std::move(*place);
  return true;
}

template <class Layer>
asio::awaitable<std::optional<HttpRequest>> HttpConnectionOn<Layer>::read_request() {
  const auto& options = premises_.options;
  if (!co_await await_request()) co_return std::nullopt;
  http::request_parser<http::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(options.header_limit));
  parser.body_limit(options.body_limit);
  beast::error_code error;
  std::tie(error, std::ignore) = co_await http::async_read_header(layer_, buffer_, parser, kAwait);
  if (!error) {
    transport().expires_after(options.body_time);
    std::tie(error, std::ignore) = co_await http::async_read(layer_, buffer_, parser, kAwait);
  }
  if (error) {
    co_await refuse(error);
    co_return std::nullopt;
  }
  co_return parser.release();
}

/// Idle until a request's first byte; from there its whole header must come within the handshake's time. The
/// first request has that time from the connection's first moment.
template <class Layer>
asio::awaitable<bool> HttpConnectionOn<Layer>::await_request() {
  const bool first = std::exchange(first_, false);
  if (buffer_.size() == 0) {
    if (!first) transport().expires_after(premises_.options.keep_alive);
    idle_ = true;
    const auto [error, size] = co_await layer_.async_read_some(buffer_.prepare(4096), kAwait);
    idle_ = false;
    if (error || going_away_) co_return false;
    buffer_.commit(size);
  }
  if (!first) transport().expires_after(premises_.options.connection.handshake);
  co_return true;
}

template <class Layer>
asio::awaitable<void> HttpConnectionOn<Layer>::refuse(beast::error_code error) {
  auto refusal = refusal_of(error);
  if (!refusal) co_return;
  HttpRequest unread;
  unread.keep_alive(false);
  co_await write(unread, std::move(*refusal));
}

// A path may hold a legacy session's name, which is a secret: it is not logged.
template <class Layer>
asio::awaitable<HttpResponse> HttpConnectionOn<Layer>::answer(const HttpRequest& request) {
  try {
    co_return co_await premises_.app.handle(request, client_);
  } catch (const std::exception& e) {
    spdlog::error("{} of {}: {}", std::string(request.method_string()), client_.to_string(), e.what());
  }
  co_return error_response(http::status::internal_server_error, "internal", "internal error");
}

template <class Layer>
asio::awaitable<bool> HttpConnectionOn<Layer>::write(const HttpRequest& request, HttpResponse response) {
  spdlog::debug("{} answered {}", client_.to_string(), response.result_int());
  response.version(request.version());
  response.keep_alive(keeps(request));
  response.prepare_payload();
  http::response_serializer<http::string_body> serializer(response);
  transport().expires_after(premises_.options.connection.stuck_reader);
  beast::error_code error;
  if (request.method() == http::verb::head) {
    std::tie(error, std::ignore) = co_await http::async_write_header(layer_, serializer, kAwait);
  } else {
    std::tie(error, std::ignore) = co_await http::async_write(layer_, serializer, kAwait);
  }
  co_return co_await end_answer(!error && response.keep_alive());
}

template <class Layer>
asio::awaitable<bool> HttpConnectionOn<Layer>::write_over_time(const HttpRequest& request,
                                                               AnswerFactory make) {
  AnswerWriter<Layer> writer(layer_, buffer_,
                             {.version = request.version(),
                              .keep_alive = keeps(request),
                              .stuck_reader = premises_.options.connection.stuck_reader});
  const bool keep = co_await writer.run(std::move(make));
  co_return co_await end_answer(keep && !going_away_);
}

template <class Layer>
asio::awaitable<bool> HttpConnectionOn<Layer>::end_answer(bool keep) {
  if (client_ != visitor_.peer) visitor_.place = {};  // a proxy's connection is its client's while it asks
  if (!keep) co_await say_end();
  co_return keep;
}

template <class Layer>
bool HttpConnectionOn<Layer>::keeps(const HttpRequest& request) const {
  return request.keep_alive() && !going_away_ && !visitor_.one_answer;
}

template <class Layer>
asio::awaitable<void> HttpConnectionOn<Layer>::converse(HttpRequest request, SessionFactory make_session) {
  const auto& options = premises_.options.connection;
  transport().expires_never();  // from here the WebSocket keeps the time
  opening_.emplace(std::move(layer_));
  WebSocket::configure(*opening_, options);
  if (offers_subprotocol(request)) {
    opening_->set_option(websocket::stream_base::decorator([](websocket::response_type& response) {
      response.set(http::field::sec_websocket_protocol, kSubprotocol);
    }));
  }
  const auto [error] = co_await opening_->async_accept(request, kAwait);
  if (error) co_return;
  request = {};  // what was needed to get here is no longer: conversations are long, and many
  buffer_ = {};
  spdlog::debug("{} opened a websocket", client_.to_string());
  websocket_ = std::make_shared<WebSocket>(std::move(*opening_), options);
  opening_.reset();
  if (going_away_) websocket_->close(CloseCode::kServiceRestart, "restarting");
  co_await websocket_->run(make_session(websocket_->peer()));
}

template <class Layer>
void HttpConnectionOn<Layer>::go_away() {
  going_away_ = true;
  if (websocket_) {
    websocket_->close(CloseCode::kServiceRestart, "restarting");
  } else if (idle_) {
    transport().close();
  }
}

template <class Layer>
void HttpConnectionOn<Layer>::drop() {
  if (websocket_) {
    websocket_->drop();
  } else if (opening_) {
    beast::get_lowest_layer(*opening_).close();
  } else {
    transport().close();
  }
}

}  // namespace inkfleet::net
