#include "net/http_server.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/ws_client.hpp"
#include "tests/integration/echo_app.hpp"
#include "tests/integration/ws_test_client.hpp"

/// The server over real loopback sockets, and the client that keeps its connection.
namespace inkfleet::net {
namespace {

using namespace std::chrono_literals;
using test::any_port;
using test::EchoApp;
using test::exchange;
using test::http_get;
using test::run_to_end;
using test::run_until;
using test::Seen;
using test::WsTestClient;
using testing::HasSubstr;
using testing::StartsWith;

class HttpServerTest : public testing::Test {
 protected:
  void start(ServerOptions options = {}) {
    server.emplace(io.get_executor(), app, options);
    address = server->listen(any_port());
  }
  void TearDown() override {
    if (server) {
      EXPECT_TRUE(run_to_end(io, server->stop(200ms)));
    }
    EXPECT_EQ(seen.closed, seen.opened);
    EXPECT_EQ(seen.destroyed, seen.opened);
  }

  asio::io_context io;
  Seen seen;
  EchoApp app{seen};
  std::optional<HttpServer> server;
  tcp::endpoint address;
};

TEST_F(HttpServerTest, AnswersKeptAliveAndPipelinedRequestsInOrder) {
  start();
  const auto got = exchange(io, address,
                            "GET /one?q=1 HTTP/1.1\r\nHost: x\r\n\r\n"
                            "POST /two HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
                            "GET /three HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto one = got.find("GET /one  127.0.0.1"), two = got.find("POST /two body"),
             three = got.find("GET /three");
  EXPECT_NE(one, got.npos);
  EXPECT_LT(one, two);
  EXPECT_LT(two, three);
  EXPECT_NE(three, got.npos);
}

TEST_F(HttpServerTest, HeadIsAnsweredWithoutItsBody) {
  start();
  const auto got = exchange(io, address, "HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(got, HasSubstr("Content-Length: 18\r\n"));
  EXPECT_TRUE(got.ends_with("\r\n\r\n"));
}

// Deliberate break: a refusal() that knows only 400 fails the last two.
TEST_F(HttpServerTest, BadHttpIsRefusedAndTheNextConnectionServed) {
  start();
  EXPECT_THAT(exchange(io, address, "hello\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(exchange(io, address, std::string("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 11)),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(exchange(io, address, "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(exchange(io, address, "GET / HTTP/1.1\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(exchange(io, address, "POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(http_get(io, address, "/still"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, AFailingHandlerIsA500WithoutItsReason) {
  start();
  const auto got = http_get(io, address, "/throw");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 500 "));
  EXPECT_EQ(got.find("secret"), got.npos);
}

TEST_F(HttpServerTest, AHeaderThatNeverEndsIsCutOff) {
  start({.connection = {.handshake = 50ms}});
  EXPECT_EQ(exchange(io, address, "GET / HTTP/1.1\r\nHost:"), "");
  EXPECT_TRUE(run_until(io, [&] { return server->connections() == 0; }));
}

TEST_F(HttpServerTest, AnIdleConnectionIsClosed) {
  start({.keep_alive = 50ms});
  EXPECT_THAT(exchange(io, address, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, PortInUseIsOneClearLine) {
  start();
  HttpServer second(io.get_executor(), app);
  try {
    second.listen(address);
    FAIL() << "bound twice";
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(),
                StartsWith("cannot listen on " + to_string(address) + ": Address already in use; "));
  }
}

// Deliberate break: an accept_loop() that ends at its first error never serves the waiting connection.
TEST_F(HttpServerTest, OutOfDescriptorsTheListenerLivesOn) {
  start();
  tcp::socket client(io);
  client.open(tcp::v4());
  rlimit usual{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
  const int lowest_free = dup(0);
  ::close(lowest_free);
  const rlimit none_left{static_cast<rlim_t>(lowest_free), usual.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none_left), 0);
  client.connect(address);
  run_until(
      io, [] { return false; }, 120ms);  // long enough for several attempts
  EXPECT_EQ(server->connections(), 0u);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &usual), 0);
  EXPECT_TRUE(run_until(io, [&] { return server->connections() == 1; }));
  EXPECT_THAT(http_get(io, address, "/x"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServerTest, EchoesTextAndReportsBinary) {
  start();
  WsTestClient client(io);
  ASSERT_TRUE(client.connect(address, "/ws", "other, inkfleet.v1"));
  EXPECT_EQ(client.response()[http::field::sec_websocket_protocol], "inkfleet.v1");
  client.send("hello");
  EXPECT_EQ(client.receive(), "hello");
  client.send_binary("bytes");
  client.send("again");
  EXPECT_EQ(client.receive(), "again");
  EXPECT_EQ(seen.binaries, 1);
}

TEST_F(HttpServerTest, NoSubprotocolUnlessAskedFor) {
  start();
  WsTestClient client(io);
  ASSERT_TRUE(client.connect(address, "/ws"));
  EXPECT_EQ(client.response().count(http::field::sec_websocket_protocol), 0u);
}

TEST_F(HttpServerTest, ARefusedUpgradeIsAPlainAnswer) {
  start();
  WsTestClient client(io);
  EXPECT_FALSE(client.connect(address, "/elsewhere"));
  EXPECT_EQ(client.status(), 404u);
}

// Deliberate break: without read_message_max() the second message is echoed.
TEST_F(HttpServerTest, AMessageBeyondTheLimitClosesWith1009) {
  start();
  WsTestClient client(io);
  ASSERT_TRUE(client.connect(address, "/ws"));
  client.send(std::string(64 * 1024, 'x'));
  EXPECT_EQ(client.receive()->size(), 64u * 1024);
  client.send(std::string(64 * 1024 + 1, 'x'));
  EXPECT_EQ(client.wait_for_close(), 1009u);
  EXPECT_TRUE(run_until(io, [&] { return seen.closed == 1; }));
}

TEST_F(HttpServerTest, ASessionMayCloseAfterItsLastWord) {
  start();
  WsTestClient client(io);
  ASSERT_TRUE(client.connect(address, "/ws"));
  client.send("close");
  EXPECT_EQ(client.receive(), "close");
  EXPECT_EQ(client.wait_for_close(), 1008u);
}

TEST_F(HttpServerTest, AFailingSessionEndsOnlyItself) {
  start();
  WsTestClient bad(io), good(io);
  ASSERT_TRUE(bad.connect(address, "/ws"));
  ASSERT_TRUE(good.connect(address, "/ws"));
  bad.send("throw");
  EXPECT_EQ(bad.wait_for_close(), 1011u);
  good.send("fine");
  EXPECT_EQ(good.receive(), "fine");
}

// Deliberate break: on_closed() called from the writer's end as well makes `closed` 2.
TEST_F(HttpServerTest, AClientThatVanishesMidFrameEndsItsSessionOnce) {
  start();
  auto client = std::make_unique<WsTestClient>(io);
  ASSERT_TRUE(client->connect(address, "/ws"));
  client->send_raw(
      std::string("\x81\xfe\x10\x00"
                  "mask"
                  "only a part",
                  19));
  client->vanish();
  EXPECT_TRUE(run_until(io, [&] { return seen.destroyed == 1; }));
  EXPECT_EQ(seen.closed, 1);
  seen.peer->send_latest("", "to nobody");  // the peer outlives its connection
  seen.peer->close(CloseCode::kNormal, "");
}

TEST_F(HttpServerTest, BrokenFramesAndBadUtf8CloseTheConnection) {
  start();
  WsTestClient unmasked(io), not_utf8(io);
  ASSERT_TRUE(unmasked.connect(address, "/ws"));
  unmasked.send_raw(std::string("\x81\x01x", 3));
  EXPECT_EQ(unmasked.wait_for_close(), 1002u);
  ASSERT_TRUE(not_utf8.connect(address, "/ws"));
  not_utf8.send("\xc3(");
  EXPECT_EQ(not_utf8.wait_for_close(), 1007u);
}

TEST_F(HttpServerTest, AHalfOpenPeerIsClosedWhenNoPongComes) {
  start({.connection = {.ping_interval = 50ms, .idle_close = 1s}});
  WsTestClient deaf(io), alive(io);
  ASSERT_TRUE(alive.connect(address, "/ws"));
  ASSERT_TRUE(deaf.connect(address, "/ws"));
  deaf.pause_reading();
  deaf.send("last sign of life");  // its pending read takes the echo; no further read answers pings
  EXPECT_TRUE(run_until(io, [&] { return seen.closed == 1; }));
  const auto later = std::chrono::steady_clock::now() + 1500ms;
  run_until(io, [&] { return std::chrono::steady_clock::now() > later; });
  EXPECT_EQ(seen.closed, 1) << "a client that answers pings was closed";
  alive.send("still here");
  EXPECT_EQ(alive.receive(), "still here");
}

TEST_F(HttpServerTest, AReaderThatIsStuckIsDropped) {
  start({.connection = {.stuck_reader = 50ms}});
  WsTestClient stuck(io);
  ASSERT_TRUE(stuck.connect(address, "/ws"));
  stuck.pause_reading();
  stuck.send("first");  // taken by the read that is pending
  stuck.send("flood");
  EXPECT_TRUE(run_until(io, [&] { return seen.closed == 1; }));
}

// Deliberate break: without wait_for_room() the last text is seen while the flood still waits.
TEST_F(HttpServerTest, WhoDoesNotReadIsNotReadUntilItDoes) {
  start({.connection = {.waiting_factor = 1000}});
  WsTestClient slow(io);
  ASSERT_TRUE(slow.connect(address, "/ws"));
  slow.pause_reading();
  slow.send("first");
  slow.send("flood");
  slow.send("after");
  const auto later = std::chrono::steady_clock::now() + 100ms;
  run_until(io, [&] { return std::chrono::steady_clock::now() > later; });
  EXPECT_THAT(seen.texts, testing::ElementsAre("first", "flood"));
  slow.resume_reading();
  EXPECT_TRUE(run_until(io, [&] { return seen.texts.size() == 3; }));
  std::optional<std::string> last;
  while ((last = slow.receive()) && *last != "after") {
  }
  EXPECT_EQ(last, "after");
}

TEST_F(HttpServerTest, TooMuchWaitingOutputDropsTheConnection) {
  start({.connection = {.waiting_output = 1024, .waiting_factor = 1024}});
  WsTestClient client(io);
  ASSERT_TRUE(client.connect(address, "/ws"));
  client.pause_reading();
  client.send("first");
  client.send("flood");
  EXPECT_TRUE(run_until(io, [&] { return seen.closed == 1; }));
}

TEST_F(HttpServerTest, StopSaysGoodbyeWith1012AndClosesIdleHttp) {
  start();
  WsTestClient client(io);
  ASSERT_TRUE(client.connect(address, "/ws"));
  tcp::socket idle(io);
  idle.connect(address);
  EXPECT_TRUE(run_until(io, [&] { return server->connections() == 2; }));
  EXPECT_TRUE(run_to_end(io, server->stop(5s)));
  EXPECT_EQ(server->connections(), 0u);
  EXPECT_EQ(client.wait_for_close(), 1012u);
  boost::system::error_code refused;
  tcp::socket late(io);
  late.connect(address, refused);
  EXPECT_EQ(refused, asio::error::connection_refused);
}

// Deliberate break: a stop() that goes by the limits of its connections.
TEST_F(HttpServerTest, StopDropsWhoDoesNotAnswer) {
  start();
  WsTestClient deaf(io);
  ASSERT_TRUE(deaf.connect(address, "/ws"));
  deaf.pause_reading();
  deaf.send("x");
  EXPECT_TRUE(run_to_end(io, server->stop(100ms)));
  EXPECT_EQ(server->connections(), 0u);
}

struct ClientLog : WsClientEvents {
  void on_open() override { ++opened; }
  void on_text(std::string_view text) override { texts.emplace_back(text); }
  void on_closed() override { ++closed; }
  int opened = 0;
  int closed = 0;
  std::vector<std::string> texts;
};

ClientOptions quick() {
  return {.backoff = {.first = 10ms, .longest = 40ms}};
}

// Deliberate break: a keep_connected() that returns after its first failure never opens.
TEST_F(HttpServerTest, AClientConnectsWhenItsServerComesAndComesBack) {
  start();
  EXPECT_TRUE(run_to_end(io, server->stop(1s)));
  ClientLog log;
  WsClient client(io.get_executor(), {"127.0.0.1", std::to_string(address.port()), "/ws"}, log, quick());
  client.start();
  client.send("ignored: not open");
  const auto later = std::chrono::steady_clock::now() + 50ms;
  run_until(io, [&] { return std::chrono::steady_clock::now() > later; });
  EXPECT_EQ(log.opened, 0);

  for (int round = 1; round <= 2; ++round) {
    server.emplace(io.get_executor(), app);
    server->listen(address);
    EXPECT_TRUE(run_until(io, [&] { return log.opened == round; }));
    EXPECT_TRUE(client.is_open());
    client.send("hello " + std::to_string(round));
    EXPECT_TRUE(run_until(io, [&] { return log.texts.size() == static_cast<std::size_t>(round); }));
    EXPECT_TRUE(run_to_end(io, server->stop(1s)));
    EXPECT_TRUE(run_until(io, [&] { return log.closed == round; }));
    EXPECT_FALSE(client.is_open());
  }
  EXPECT_THAT(log.texts, testing::ElementsAre("hello 1", "hello 2"));
  client.stop();
  run_until(
      io, [&] { return false; }, 50ms);
}

TEST_F(HttpServerTest, AClientThatStopsSaysGoodbye) {
  start();
  ClientLog log;
  WsClient client(io.get_executor(), {"127.0.0.1", std::to_string(address.port()), "/ws"}, log, quick());
  client.start();
  EXPECT_TRUE(run_until(io, [&] { return log.opened == 1; }));
  client.stop();
  EXPECT_TRUE(run_until(io, [&] { return log.closed == 1 && seen.closed == 1; }));
}

}  // namespace
}  // namespace inkfleet::net
