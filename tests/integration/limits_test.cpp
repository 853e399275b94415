#include <gmock/gmock.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <list>

#include "net/http_server.hpp"
#include "tests/integration/echo_app.hpp"
#include "tests/integration/ws_test_client.hpp"

/// Limits of a server over real loopback sockets: who is slow, who is many, who is behind a proxy.
namespace inkfleet::net {
namespace {

using namespace std::chrono_literals;
using test::EchoApp;
using test::exchange;
using test::http_get;
using test::run_to_end;
using test::run_until;
using testing::HasSubstr;
using testing::StartsWith;

constexpr auto kNever = 1h;

/// What a WebSocket client sends first.
std::string upgrade_request(const std::string& more_headers = "") {
  return "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n" +
         more_headers + "\r\n";
}

class LimitsTest : public testing::Test {
 protected:
  void start(ServerOptions options) {
    server.emplace(io.get_executor(), app, options);
    address = server->listen(test::any_port());
  }
  void TearDown() override {
    silent.clear();
    EXPECT_TRUE(run_to_end(io, server->stop(200ms)));
    EXPECT_EQ(seen.closed, seen.opened);
  }

  /// A connection that says nothing, from an address of its own if one is given.
  tcp::socket& connect(const char* from = nullptr) {
    auto& socket = silent.emplace_back(io);
    socket.open(tcp::v4());
    if (from) socket.bind({asio::ip::make_address(from), 0});
    socket.connect(address);
    return socket;
  }
  bool wait_for(std::size_t connections) {
    return run_until(io, [&] { return server->connections() == connections; });
  }

  /// Sends bytes one at a time, 5 ms apart, until the server closes.
  asio::awaitable<void> drip(std::string begin) {
    tcp::socket socket(io);
    co_await socket.async_connect(address, asio::use_awaitable);
    co_await asio::async_write(socket, asio::buffer(begin), asio::use_awaitable);
    try {
      for (;;) {
        asio::steady_timer pause(io, 5ms);
        co_await pause.async_wait(asio::use_awaitable);
        co_await asio::async_write(socket, asio::buffer("x", 1), asio::use_awaitable);
      }
    } catch (const boost::system::system_error&) {
      cut_off = true;
    }
  }

  /// Whether who drips so is cut off; if not, the test has waited in vain.
  bool is_cut_off(const std::string& begin) {
    spawn(io.get_executor(), "drip", drip(begin));
    return run_until(io, [&] { return cut_off; });
  }

  asio::io_context io;
  test::Seen seen;
  EchoApp app{seen};
  std::optional<HttpServer> server;
  tcp::endpoint address;
  std::list<tcp::socket> silent;
  bool cut_off = false;
};

// Deliberate break: a deadline that begins anew at each byte (expires_after() in a read loop) never cuts off.
TEST_F(LimitsTest, AHeaderHasItsTimeAsAWhole) {
  start({.connection = {.handshake = 100ms}, .body_time = kNever, .keep_alive = kNever});
  EXPECT_TRUE(is_cut_off("GET / HTTP/1.1\r\nHost: "));
}

TEST_F(LimitsTest, ABodyHasItsTimeAsAWhole) {
  start({.connection = {.handshake = 5s}, .body_time = 100ms, .keep_alive = kNever});
  EXPECT_TRUE(is_cut_off("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"));
}

// Deliberate break: await_request() that gives the first request keep_alive too keeps them.
TEST_F(LimitsTest, WhoSaysNothingIsGoneAfterTheHandshakesTime) {
  start({.connection = {.handshake = 100ms}, .keep_alive = kNever});
  for (int i = 0; i < 3; ++i) connect();
  EXPECT_TRUE(wait_for(3));
  EXPECT_TRUE(wait_for(0));
}

TEST_F(LimitsTest, AKeptConnectionWaitsLongerThanANewOne) {
  start({.connection = {.handshake = 300ms}, .keep_alive = kNever});
  auto& kept = connect();
  connect();
  asio::write(kept, asio::buffer(std::string("GET / HTTP/1.1\r\nHost: x\r\n\r\n")));
  EXPECT_TRUE(wait_for(2));
  EXPECT_TRUE(wait_for(1)) << "the silent one goes";
  run_until(
      io, [] { return false; }, 400ms);
  EXPECT_EQ(server->connections(), 1u);
}

// Deliberate break: a receive() that does not ask for a place serves the third.
TEST_F(LimitsTest, AnAddressHasSoManyConnectionsAlsoBeforeItsHandshakes) {
  start({.per_address = 2, .count_loopback = true});
  connect();
  connect();
  ASSERT_TRUE(wait_for(2));
  const auto refused = http_get(io, address, "/x");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 429 "));
  EXPECT_THAT(refused, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_THAT(refused, HasSubstr(R"("code":"overloaded")"));
  connect("127.0.0.2");
  EXPECT_TRUE(wait_for(3)) << "another address";
  silent.front().close();
  ASSERT_TRUE(wait_for(2));
  EXPECT_THAT(http_get(io, address, "/x"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(LimitsTest, LoopbackAndTrustedProxiesAreNotCounted) {
  start({.per_address = 1});
  for (int i = 0; i < 3; ++i) connect();
  EXPECT_TRUE(wait_for(3));
  ServerOptions trusting{.per_address = 1, .count_loopback = true};
  trusting.trusted_proxies.add("test", "127.0.0.0/8");
  server->set_options(trusting);
  for (int i = 0; i < 3; ++i) connect();
  EXPECT_TRUE(wait_for(6));
}

// Deliberate break: a find_client() that leaves client_ the peer lets the second one in.
TEST_F(LimitsTest, BehindATrustedProxyTheClientIsCounted) {
  ServerOptions options{.per_address = 1};
  options.trusted_proxies.add("test", "127.0.0.1");
  start(options);
  const auto from = [](const std::string& client) { return "X-Forwarded-For: " + client + "\r\n"; };
  asio::write(connect(), asio::buffer(upgrade_request(from("203.0.113.1, 192.0.2.1"))));
  ASSERT_TRUE(run_until(io, [&] { return seen.opened == 1; }));
  const auto refused = exchange(io, address, upgrade_request(from("192.0.2.1")), "}\n");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 429 "));
  EXPECT_THAT(exchange(io, address, upgrade_request(from("192.0.2.2")), "\r\n\r\n"),
              StartsWith("HTTP/1.1 101 "));
  const auto plain = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + from("192.0.2.9");
  EXPECT_THAT(exchange(io, address, plain + "\r\n"), HasSubstr("192.0.2.9")) << "the app is told who asks";
}

TEST_F(LimitsTest, WhoIsNotTrustedSaysNothingAboutItsAddress) {
  start({});
  EXPECT_THAT(
      exchange(io, address,
               "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.9\r\n\r\n"),
      HasSubstr("127.0.0.1"));
}

// Deliberate break: without kSpareConnections the health of a full server cannot be asked for.
TEST_F(LimitsTest, AFullServerStillAnswersButOpensNoWebSocket) {
  start({.connections = 2});
  connect();
  connect();
  ASSERT_TRUE(wait_for(2));
  const auto health = exchange(io, address, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(health, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(health, HasSubstr("Connection: close"));
  const auto refused = exchange(io, address, upgrade_request(), "}\n");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refused, HasSubstr("\r\nRetry-After: 1\r\n"));
  const auto all = 2 + proto::limits::kSpareConnections;
  ASSERT_TRUE(wait_for(2));
  for (std::size_t i = 2; i < all; ++i) connect();
  ASSERT_TRUE(wait_for(all));
  EXPECT_THAT(http_get(io, address, "/healthz"), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(server->connections(), all);
}

TEST_F(LimitsTest, NewOptionsAreForConnectionsToCome) {
  start({});
  EXPECT_THAT(
      exchange(io, address, "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nxx"),
      StartsWith("HTTP/1.1 200 "));
  server->set_options({.body_limit = 1});
  EXPECT_THAT(exchange(io, address, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nxx"),
              StartsWith("HTTP/1.1 413 "));
}

}  // namespace
}  // namespace inkfleet::net
