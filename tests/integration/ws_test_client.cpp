#include "tests/integration/ws_test_client.hpp"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/websocket.hpp>

namespace inkfleet::test {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;

bool WsTestClient::connect(const net::tcp::endpoint& server, const std::string& path,
                           const std::string& subprotocol) {
  std::optional<beast::error_code> outcome;
  stream_.next_layer().connect(server);
  stream_.read_message_max(16 * 1024 * 1024);
  if (!subprotocol.empty()) {
    stream_.set_option(websocket::stream_base::decorator([subprotocol](websocket::request_type& request) {
      request.set(beast::http::field::sec_websocket_protocol, subprotocol);
    }));
  }
  stream_.async_handshake(response_, "localhost", path, [&](beast::error_code error) { outcome = error; });
  EXPECT_TRUE(run_until(io_, [&] { return outcome.has_value(); })) << "no answer to the upgrade";
  if (!outcome || *outcome) return false;
  read();
  return true;
}

void WsTestClient::read() {
  if (!reading_ || read_pending_ || closed_) return;
  read_pending_ = true;
  stream_.async_read(buffer_, [this](beast::error_code error, std::size_t) {
    read_pending_ = false;
    if (error) {
      closed_ = true;
      return;
    }
    received_.push_back(beast::buffers_to_string(buffer_.data()));
    buffer_.clear();
    read();
  });
}

void WsTestClient::resume_reading() {
  reading_ = true;
  read();
}

void WsTestClient::write(std::string bytes, bool text) {
  bool written = false;
  stream_.text(text);
  stream_.async_write(asio::buffer(bytes), [&](beast::error_code, std::size_t) { written = true; });
  EXPECT_TRUE(run_until(io_, [&] { return written; })) << "the server does not read";
}

void WsTestClient::send_raw(const std::string& bytes) {
  asio::write(stream_.next_layer().socket(), asio::buffer(bytes));
}

std::optional<std::string> WsTestClient::receive() {
  EXPECT_TRUE(run_until(io_, [&] { return !received_.empty() || closed_; })) << "nothing came";
  if (received_.empty()) return std::nullopt;
  auto text = std::move(received_.front());
  received_.pop_front();
  return text;
}

unsigned WsTestClient::wait_for_close() {
  EXPECT_TRUE(run_until(io_, [&] { return closed_; })) << "not closed";
  return stream_.reason().code;
}

std::string exchange(asio::io_context& io, const net::tcp::endpoint& server, const std::string& bytes,
                     const std::string& enough) {
  net::tcp::socket socket(io);
  socket.connect(server);
  beast::error_code ignored;  // the server may refuse before it has read everything
  asio::write(socket, asio::buffer(bytes), ignored);
  std::string got;
  std::array<char, 4096> chunk;
  bool over = false;
  std::function<void()> read = [&] {
    socket.async_read_some(asio::buffer(chunk), [&](beast::error_code error, std::size_t size) {
      got.append(chunk.data(), size);
      over = error || (!enough.empty() && got.find(enough) != got.npos);
      if (!over) read();
    });
  };
  read();
  EXPECT_TRUE(run_until(io, [&] { return over; })) << "no end of the answer; so far: " << got;
  socket.close();
  run_until(io, [&] { return over; });
  return got;
}

std::string http_get(asio::io_context& io, const net::tcp::endpoint& server, const std::string& path) {
  return exchange(io, server, "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
}

}  // namespace inkfleet::test
