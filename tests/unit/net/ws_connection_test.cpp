#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>
#include <boost/beast/_experimental/test/stream.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <string>
#include <vector>

#include "net/spawn.hpp"
#include "net/ws_connection_impl.hpp"

/// The connection over Beast's in-memory stream: what happens is decided by the test, byte for byte. What
/// needs a kernel is in tests/integration/http_server_test.cpp.
namespace inkfleet::net {
namespace {

using namespace std::chrono_literals;
using Stream = beast::test::stream;
using Connection = WsConnection<Stream>;

struct Seen {
  std::vector<std::string> texts;
  int binaries = 0;
  int closed = 0;
  bool destroyed = false;
};

class RecordingSession : public WebSocketSession {
 public:
  explicit RecordingSession(Seen& seen) : seen_(seen) {}
  ~RecordingSession() override { seen_.destroyed = true; }
  void on_text(std::string_view text) override { seen_.texts.emplace_back(text); }
  void on_binary() override { ++seen_.binaries; }
  void on_closed() override { ++seen_.closed; }

 private:
  Seen& seen_;
};

class WsConnectionTest : public testing::Test {
 protected:
  WsConnectionTest() : near_end(io), far_end(io) { near_end.connect(far_end); }

  /// Upgrades, and lets the connection run until it waits.
  void open(ConnectionOptions options = {}) {
    spawn(io.get_executor(), "test connection", accept_and_run(options), OnFailure::kEndProgram);
    write(
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    ASSERT_THAT(read(), testing::StartsWith("HTTP/1.1 101 "));
    ASSERT_NE(peer, nullptr);
  }

  asio::awaitable<void> accept_and_run(ConnectionOptions options) {
    Connection::Stream stream(std::move(near_end));
    Connection::configure(stream, options);
    co_await stream.async_accept(asio::use_awaitable);
    const auto connection = std::make_shared<Connection>(std::move(stream), options);
    peer = connection->peer();
    co_await connection->run(std::make_unique<RecordingSession>(seen));
    over = true;
  }

  void write(const std::string& bytes) {
    asio::write(far_end, asio::buffer(bytes));
    settle();
  }
  std::string read() {
    auto bytes = std::string(far_end.str());
    far_end.clear();
    return bytes;
  }
  void settle() {
    io.restart();
    io.poll();
  }

  asio::io_context io;
  Stream near_end, far_end;
  Seen seen;
  std::shared_ptr<WebSocketPeer> peer;
  bool over = false;
};

/// A client's frame: masked with zeros, so that its bytes can be read.
std::string frame(char first, std::string_view payload) {
  std::string bytes{first, static_cast<char>(0x80 | payload.size())};
  return bytes + std::string(4, '\0') + std::string(payload);
}

TEST_F(WsConnectionTest, MessagesMayComeInAnyPieces) {
  open();
  const auto bytes =
      frame('\x01', "in pie") + frame('\x80', "ces") + frame('\x82', "binary") + frame('\x81', "whole");
  for (const char byte : bytes) write(std::string(1, byte));
  EXPECT_THAT(seen.texts, testing::ElementsAre("in pieces", "whole"));
  EXPECT_EQ(seen.binaries, 1);
}

TEST_F(WsConnectionTest, WritesInOrderAndSaysGoodbyeLast) {
  open();
  peer->send_latest("", "one");
  peer->send_latest("", "two");
  peer->close(CloseCode::kServiceRestart, "restarting");
  peer->send_latest("", "never");
  settle();
  EXPECT_EQ(read(), std::string("\x81\x03one\x81\x03two\x88\x0c\x03\xf4restarting", 24));
  write(frame('\x88', "\x03\xf4"));
  far_end.close();
  settle();
  EXPECT_TRUE(over);
  EXPECT_EQ(seen.closed, 1);
}

TEST_F(WsConnectionTest, AnEndMidFrameClosesOnce) {
  open();
  write(frame('\x81', "cut off here").substr(0, 9));
  far_end.close();
  settle();
  EXPECT_TRUE(over);
  EXPECT_TRUE(seen.destroyed);
  EXPECT_EQ(seen.closed, 1);
  EXPECT_TRUE(seen.texts.empty());
  peer->send_latest("", "to nobody");
}

TEST_F(WsConnectionTest, AMessageBeyondTheLimitIsRefusedByItsHeader) {
  open({.frame_limit = 10});
  write(frame('\x81', std::string(10, 'x')));
  EXPECT_EQ(seen.texts.size(), 1u);
  write(frame('\x81', std::string(11, 'x')).substr(0, 6));
  EXPECT_EQ(read().substr(0, 4), "\x88\x02\x03\xf1");  // 1009
  far_end.close();
  settle();
  EXPECT_TRUE(over);
}

}  // namespace
}  // namespace inkfleet::net
