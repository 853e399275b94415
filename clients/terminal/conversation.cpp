#include "clients/terminal/conversation.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <exception>
#include <stdexcept>

#include "proto/limits.hpp"
#include "proto/parse.hpp"
#include "proto/serialize.hpp"

namespace inkfleet::terminal {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using Socket = websocket::stream<beast::tcp_stream>;

constexpr auto kUse = asio::as_tuple(asio::use_awaitable);

class Conversation {
 public:
  Conversation(asio::io_context& context, const net::WebSocketUrl& url, const std::string& key)
      : url_(url), key_(key), resolver_(context), socket_(context) {}

  asio::awaitable<void> run(const proto::Suggest& request, const FrameHandler& on_frame) {
    co_await connect();
    co_await upgrade();
    const std::string text = proto::to_json(proto::ClientFrame(request));
    const auto [error, written] = co_await socket_.async_write(asio::buffer(text), kUse);
    check(error, "sending failed");
    co_await read_frames(on_frame);
    co_await socket_.async_close(websocket::close_code::normal, kUse);
  }

 private:
  void check(const beast::error_code& error, const std::string& what) const {
    if (error) throw std::runtime_error(url_.authority() + ": " + what + ": " + error.message());
  }

  asio::awaitable<void> connect() {
    const auto [resolve_error, addresses] = co_await resolver_.async_resolve(url_.host, url_.port, kUse);
    check(resolve_error, "no such host");
    auto& stream = beast::get_lowest_layer(socket_);
    stream.expires_after(proto::limits::kHandshake);
    const auto [connect_error, endpoint] = co_await stream.async_connect(addresses, kUse);
    check(connect_error, "cannot connect");
    stream.expires_never();  // from here on the WebSocket has its own limits
  }

  asio::awaitable<void> upgrade() {
    socket_.set_option(websocket::stream_base::timeout{.handshake_timeout = proto::limits::kHandshake,
                                                       .idle_timeout = proto::limits::kIdleClose,
                                                       .keep_alive_pings = true});
    socket_.text(true);
    socket_.set_option(websocket::stream_base::decorator([this](websocket::request_type& request) {
      if (!key_.empty()) request.set(beast::http::field::authorization, std::string("Bearer ").append(key_));
    }));
    websocket::response_type response;
    const auto [error] = co_await socket_.async_handshake(response, url_.authority(), url_.path, kUse);
    if (error == websocket::error::upgrade_declined) {
      throw std::runtime_error(url_.authority() + url_.path + ": " + std::to_string(response.result_int()) +
                               " " + response.body());
    }
    check(error, "no WebSocket");
  }

  asio::awaitable<void> read_frames(const FrameHandler& on_frame) {
    beast::flat_buffer buffer;
    for (bool more = true; more;) {
      const auto [error, size] = co_await socket_.async_read(buffer, kUse);
      if (error == websocket::error::closed) throw std::runtime_error(goodbye());
      check(error, "the connection broke");
      const std::string_view text(static_cast<const char*>(buffer.data().data()), buffer.size());
      const auto frame = proto::parse_server_frame(text);
      if (!frame) throw std::runtime_error(url_.authority() + " answers with something else than frames");
      more = on_frame(*frame, text);
      buffer.clear();
    }
  }

  std::string goodbye() const {
    const auto& reason = socket_.reason();
    return url_.authority() + " closed the connection (" + std::to_string(reason.code) + ") " +
           std::string(reason.reason.data(), reason.reason.size());
  }

  const net::WebSocketUrl& url_;
  const std::string& key_;
  tcp::resolver resolver_;
  Socket socket_;
};

}  // namespace

void converse(const net::WebSocketUrl& url, const std::string& key, const proto::Suggest& request,
              const FrameHandler& on_frame) {
  asio::io_context context;
  Conversation conversation(context, url, key);
  asio::co_spawn(context, conversation.run(request, on_frame), [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  });
  context.run();
}

}  // namespace inkfleet::terminal
