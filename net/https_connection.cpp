// The only file that compiles the connection under TLS.

#include <boost/asio/ssl/context.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include "net/http_connection_impl.hpp"
#include "net/ws_connection_impl.hpp"

namespace inkfleet::net {

namespace {

namespace ssl = boost::asio::ssl;

using TlsStream = beast::ssl_stream<beast::tcp_stream>;

class TlsConnection : public HttpConnectionOn<TlsStream> {
 public:
  /// The context stays while this connection does, whatever is loaded meanwhile.
  TlsConnection(tcp::socket socket, std::shared_ptr<ssl::context> context, Premises& premises,
                Visitor visitor)
      : HttpConnectionOn(TlsStream(beast::tcp_stream(std::move(socket)), *context), premises,
                         std::move(visitor)),
        context_(std::move(context)) {}

 private:
  asio::awaitable<bool> open() override {
    const auto [error] = co_await layer().async_handshake(ssl::stream_base::server, kAwait);
    if (error) spdlog::debug("TLS handshake: {}", error.message());
    co_return !error;
  }

  asio::awaitable<void> say_end() override {
    transport().expires_after(kLinger);
    co_await layer().async_shutdown(kAwait);
  }

  std::shared_ptr<ssl::context> context_;
};

}  // namespace

std::shared_ptr<HttpConnection> make_https_connection(tcp::socket socket, Premises& premises,
                                                      Visitor visitor) {
  return std::make_shared<TlsConnection>(std::move(socket), premises.options.tls, premises,
                                         std::move(visitor));
}

}  // namespace inkfleet::net
