#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "tests/integration/loopback.hpp"

namespace inkfleet::test {

/// An editor, or any other client, that does exactly what a test asks of it. Runs on the test's io_context;
/// the calls that wait give up after kPatience.
class WsTestClient {
 public:
  explicit WsTestClient(boost::asio::io_context& io) : io_(io), stream_(io) {}
  ~WsTestClient() {
    vanish();
    run_until(io_, [this] { return !read_pending_; });
  }

  /// Connects and upgrades; false if refused (see status()).
  bool connect(const net::tcp::endpoint& server, const std::string& path,
               const std::string& subprotocol = "");
  unsigned status() const { return response_.result_int(); }
  const boost::beast::websocket::response_type& response() const { return response_; }

  void send(std::string text) { write(std::move(text), true); }
  void send_binary(std::string bytes) { write(std::move(bytes), false); }

  /// Puts bytes on the wire beneath the WebSocket.
  void send_raw(const std::string& bytes);

  /// Waits for the next message; nothing if the connection closed instead.
  std::optional<std::string> receive();

  /// Stops or goes on reading: what a slow editor does.
  void pause_reading() { reading_ = false; }
  void resume_reading();

  /// Waits for the server to close and returns its code; 0 if it broke off without one.
  unsigned wait_for_close();

  /// Closes the socket without a word.
  void vanish() { stream_.next_layer().close(); }
  void close() {
    stream_.async_close({}, [](auto) {});
  }

  bool closed() const { return closed_; }
  std::size_t waiting() const { return received_.size(); }

 private:
  void write(std::string bytes, bool text);
  void read();

  boost::asio::io_context& io_;
  boost::beast::websocket::stream<boost::beast::tcp_stream> stream_;
  boost::beast::websocket::response_type response_;
  boost::beast::flat_buffer buffer_;
  std::deque<std::string> received_;
  bool reading_ = true;
  bool read_pending_ = false;
  bool closed_ = false;
};

/// Sends bytes over a fresh connection and returns all that comes back until the server closes, or until what
/// came holds `enough`.
std::string exchange(boost::asio::io_context& io, const net::tcp::endpoint& server, const std::string& bytes,
                     const std::string& enough = "");

/// GET `path`, asking the server to close afterwards: the whole answer, status line first.
std::string http_get(boost::asio::io_context& io, const net::tcp::endpoint& server, const std::string& path);

}  // namespace inkfleet::test
