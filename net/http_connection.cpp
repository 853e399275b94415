#include "net/http_connection.hpp"

#include "net/http_connection_impl.hpp"

namespace inkfleet::net {

namespace {

class PlainConnection : public HttpConnectionOn<beast::tcp_stream> {
 public:
  using HttpConnectionOn::HttpConnectionOn;

 private:
  asio::awaitable<bool> open() override { co_return true; }

  /// Closing with input unread resets the connection, and the answer may be lost with it.
  asio::awaitable<void> say_end() override {
    beast::error_code error;
    transport().socket().shutdown(tcp::socket::shutdown_send, error);
    transport().expires_after(kLinger);
    std::array<char, 4096> unwanted;
    while (!error) {
      std::tie(error, std::ignore) = co_await layer().async_read_some(asio::buffer(unwanted), kAwait);
    }
  }
};

}  // namespace

std::shared_ptr<HttpConnection> make_http_connection(tcp::socket socket, Premises& premises,
                                                     Visitor visitor) {
  return std::make_shared<PlainConnection>(beast::tcp_stream(std::move(socket)), premises,
                                           std::move(visitor));
}

}  // namespace inkfleet::net
