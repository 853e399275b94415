#include "net/http_connection.hpp"

#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/websocket.hpp>

#include "net/responses.hpp"

namespace inkfleet::net {

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kLinger = std::chrono::seconds(1);
constexpr const char* kSubprotocol = "inkfleet.v1";

/// Why a request that could not be read is refused; nothing when the other end simply left.
std::optional<http::status> refusal(beast::error_code error) {
  if (error == http::error::end_of_stream || error == http::error::partial_message) return std::nullopt;
  if (error == http::error::header_limit) return http::status::request_header_fields_too_large;
  if (error == http::error::body_limit) return http::status::payload_too_large;
  const auto& of_http = http::make_error_code(http::error::bad_method).category();
  return error.category() == of_http ? std::optional(http::status::bad_request) : std::nullopt;
}

bool offers_subprotocol(const HttpRequest& request) {
  return http::token_list(request[http::field::sec_websocket_protocol]).exists(kSubprotocol);
}

}  // namespace

HttpConnection::HttpConnection(tcp::socket socket, HttpApp& app, const ServerOptions& options)
    : stream_(std::move(socket)), app_(app), options_(options) {
  beast::error_code ignored;  // a socket that is already dead fails at its first read
  client_ = stream_.socket().remote_endpoint(ignored).address();
  if (client_.is_v6() && client_.to_v6().is_v4_mapped()) {
    client_ = asio::ip::make_address_v4(asio::ip::v4_mapped, client_.to_v6());
  }
  stream_.socket().set_option(tcp::no_delay(true), ignored);
}

asio::awaitable<void> HttpConnection::run() {
  bool more = true;  // g++ 12 miscompiles a loop that is nothing but a co_await in its condition
  while (more) more = co_await serve_one();
}

asio::awaitable<bool> HttpConnection::serve_one() {
  auto request = co_await read_request();
  if (!request) co_return false;
  if (!websocket::is_upgrade(*request)) {
    auto response = co_await answer(*request);
    co_return co_await write(*request, std::move(response));
  }
  auto decision = app_.upgrade(*request, client_);
  if (auto* refused = std::get_if<HttpResponse>(&decision)) {
    co_return co_await write(*request, std::move(*refused));
  }
  co_await converse(std::move(*request), std::move(std::get<SessionFactory>(decision)));
  co_return false;
}

asio::awaitable<std::optional<HttpRequest>> HttpConnection::read_request() {
  http::request_parser<http::string_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(options_.header_limit));
  parser.body_limit(options_.body_limit);

  // Idle until the first byte; from there the whole header must come within the handshake's time.
  beast::error_code error;
  if (buffer_.size() == 0) {
    stream_.expires_after(options_.keep_alive);
    idle_ = true;
    std::size_t size = 0;
    std::tie(error, size) = co_await stream_.async_read_some(buffer_.prepare(4096), kAwait);
    idle_ = false;
    if (error || going_away_) co_return std::nullopt;
    buffer_.commit(size);
  }
  stream_.expires_after(options_.connection.handshake);
  std::tie(error, std::ignore) = co_await http::async_read(stream_, buffer_, parser, kAwait);
  if (error) {
    co_await refuse(error);
    co_return std::nullopt;
  }
  co_return parser.release();
}

asio::awaitable<void> HttpConnection::refuse(beast::error_code error) {
  const auto status = refusal(error);
  if (!status) co_return;
  const auto code = *status == http::status::bad_request ? "bad_request" : "too_large";
  HttpRequest unread;
  unread.keep_alive(false);
  co_await write(unread, error_response(*status, code, error.message()));
}

asio::awaitable<HttpResponse> HttpConnection::answer(const HttpRequest& request) {
  try {
    co_return co_await app_.handle(request, client_);
  } catch (const std::exception& e) {
    spdlog::error("{} {}: {}", std::string(request.method_string()), std::string(request.target()), e.what());
  }
  co_return error_response(http::status::internal_server_error, "internal", "internal error");
}

asio::awaitable<bool> HttpConnection::write(const HttpRequest& request, HttpResponse response) {
  response.version(request.version());
  response.keep_alive(request.keep_alive() && !going_away_);
  response.prepare_payload();
  http::response_serializer<http::string_body> serializer(response);
  stream_.expires_after(options_.connection.stuck_reader);
  beast::error_code error;
  if (request.method() == http::verb::head) {
    std::tie(error, std::ignore) = co_await http::async_write_header(stream_, serializer, kAwait);
  } else {
    std::tie(error, std::ignore) = co_await http::async_write(stream_, serializer, kAwait);
  }
  if (!error && response.keep_alive()) co_return true;
  co_await close_after_answer();
  co_return false;
}

/// Closing with input unread resets the connection, and the answer may be lost with it.
asio::awaitable<void> HttpConnection::close_after_answer() {
  beast::error_code error;
  stream_.socket().shutdown(tcp::socket::shutdown_send, error);
  stream_.expires_after(kLinger);
  std::array<char, 4096> unwanted;
  while (!error) {
    std::tie(error, std::ignore) = co_await stream_.async_read_some(asio::buffer(unwanted), kAwait);
  }
}

asio::awaitable<void> HttpConnection::converse(HttpRequest request, SessionFactory make_session) {
  stream_.expires_never();  // from here the WebSocket keeps the time
  TcpWsConnection::Stream stream(std::move(stream_));
  TcpWsConnection::configure(stream, options_.connection);
  if (offers_subprotocol(request)) {
    stream.set_option(websocket::stream_base::decorator([](websocket::response_type& response) {
      response.set(http::field::sec_websocket_protocol, kSubprotocol);
    }));
  }
  const auto [error] = co_await stream.async_accept(request, kAwait);
  if (error) co_return;
  websocket_ = std::make_shared<TcpWsConnection>(std::move(stream), options_.connection);
  if (going_away_) websocket_->close(CloseCode::kServiceRestart, "restarting");
  co_await websocket_->run(make_session(websocket_->peer()));
}

void HttpConnection::go_away() {
  going_away_ = true;
  if (websocket_) {
    websocket_->close(CloseCode::kServiceRestart, "restarting");
  } else if (idle_) {
    stream_.close();
  }
}

void HttpConnection::drop() {
  if (websocket_) {
    websocket_->drop();
  } else {
    stream_.close();
  }
}

}  // namespace inkfleet::net
