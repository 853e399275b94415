#include "net/http_answer.hpp"

#include <gmock/gmock.h>

#include <boost/asio/connect.hpp>

#include "net/http_server.hpp"
#include "net/responses.hpp"
#include "tests/integration/echo_app.hpp"
#include "tests/integration/ws_test_client.hpp"

/// Answers that take their time, over real loopback sockets.
namespace inkfleet::net {
namespace {

using namespace std::chrono_literals;
using test::any_port;
using test::exchange;
using test::run_to_end;
using test::run_until;
using testing::HasSubstr;
using testing::StartsWith;

/// What a test does with the answer of the moment.
struct Control {
  HttpAnswer::Part next;
  std::function<void()> changed;
  int made = 0;
  int closed = 0;

  void give(HttpAnswer::Part part) {
    next = std::move(part);
    changed();
  }
};

class GivenAnswer : public HttpAnswer {
 public:
  explicit GivenAnswer(Control& control) : control_(control) {}
  Part take() override {
    if (control_.next.piece == "throw") throw std::logic_error("a secret");
    return std::exchange(control_.next, {});
  }
  void on_closed() override { ++control_.closed; }

 private:
  Control& control_;
};

class SlowApp : public test::EchoApp {
 public:
  SlowApp(test::Seen& seen, Control& control) : EchoApp(seen), control_(control) {}
  std::optional<AnswerFactory> answer_over_time(const HttpRequest& request,
                                                const asio::ip::address&) override {
    if (path_of(request) == "/ready") return ready_answer(text_response(http::status::accepted, "at once"));
    if (path_of(request) != "/slow") return std::nullopt;
    return [this](auto changed) {
      ++control_.made;
      control_.changed = std::move(changed);
      return std::make_unique<GivenAnswer>(control_);
    };
  }

 private:
  Control& control_;
};

class HttpAnswerTest : public testing::Test {
 protected:
  void start(ServerOptions options = {}) {
    server.emplace(io.get_executor(), app, options);
    address = server->listen(any_port());
    socket.connect(address);
    socket.non_blocking(true);
  }
  void TearDown() override { EXPECT_TRUE(run_to_end(io, server->stop(200ms))); }

  void ask(const std::string& request) {
    const int before = control.made;
    asio::write(socket, asio::buffer(request));
    ASSERT_TRUE(run_until(io, [&] { return control.made > before; }));
  }
  void ask() { ask("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); }

  /// More than the system holds for who does not read.
  void send_more_than_is_kept() {
    const std::string zeros(64 * 1024, '0');
    std::size_t sent = 0;
    ASSERT_TRUE(run_until(io, [&] {
      beast::error_code full;
      sent += socket.write_some(asio::buffer(zeros), full);
      return sent > std::size_t{32} << 20U;
    }));
  }

  /// All that has come once it ends so.
  std::string receive(const std::string& end) {
    EXPECT_TRUE(run_until(io, [&] {
      std::array<char, 4096> bytes;
      beast::error_code none_yet;
      got.append(bytes.data(), socket.read_some(asio::buffer(bytes), none_yet));
      return got.ends_with(end);
    })) << got;
    return std::exchange(got, "");
  }

  static HttpResponse head() { return text_response(http::status::ok, "", "text/event-stream"); }

  asio::io_context io;
  test::Seen seen;
  Control control;
  SlowApp app{seen, control};
  std::optional<HttpServer> server;
  tcp::endpoint address;
  tcp::socket socket{io};
  std::string got;
};

TEST_F(HttpAnswerTest, ComesInPiecesAndTheConnectionGoesOn) {
  start();
  for (int round = 0; round < 2; ++round) {
    ask();
    control.give({.head = head(), .piece = "one"});
    const auto first = receive("3\r\none\r\n");
    EXPECT_THAT(first, StartsWith("HTTP/1.1 200 "));
    EXPECT_THAT(first, HasSubstr("Transfer-Encoding: chunked\r\n"));
    control.give({.piece = std::string(16, 'x')});
    EXPECT_EQ(receive("x\r\n"), "10\r\nxxxxxxxxxxxxxxxx\r\n");
    control.give({.piece = "end", .last = true});
    EXPECT_EQ(receive("0\r\n\r\n"), "3\r\nend\r\n0\r\n\r\n");
    ASSERT_TRUE(run_until(io, [&] { return control.closed == round + 1; }));
  }
}

TEST_F(HttpAnswerTest, MayBeWholeAndIsFollowedByWhatWasAskedMeanwhile) {
  start();
  ask("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\n\r\n");
  control.give({.head = text_response(http::status::created, "whole"), .last = true});
  const auto both = receive("127.0.0.1");
  EXPECT_THAT(both, StartsWith("HTTP/1.1 201 "));
  EXPECT_THAT(both, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(both, HasSubstr("GET /next"));
}

TEST_F(HttpAnswerTest, MayBeThereAlready) {
  start();
  const auto got = exchange(io, address, "POST /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(got, StartsWith("HTTP/1.1 202 "));
  EXPECT_THAT(got, HasSubstr("at once"));
}

TEST_F(HttpAnswerTest, AnOldClientGetsItWithoutChunks) {
  start();
  ask("POST /slow HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
  control.give({.head = head(), .piece = "one"});
  EXPECT_THAT(receive("one"), testing::Not(HasSubstr("chunked")));
  control.give({.piece = "two", .last = true});
  EXPECT_EQ(receive("two"), "two");
  ASSERT_TRUE(run_until(io, [&] { return server->connections() == 0; }));
}

// Deliberate break: a writer that does not listen notices at its next piece at the earliest.
TEST_F(HttpAnswerTest, IsToldWhenNobodyWaitsAnyMore) {
  start();
  ask();
  socket.close();
  ASSERT_TRUE(run_until(io, [&] { return control.closed == 1; }));
  ASSERT_TRUE(run_until(io, [&] { return server->connections() == 0; }));
}

// Deliberate break: a listen() that stops reading when it has read ahead enough.
TEST_F(HttpAnswerTest, IsToldSoTooWhenMuchWasSentBehindTheRequest) {
  start();
  ask();
  send_more_than_is_kept();
  socket.close();
  ASSERT_TRUE(run_until(io, [&] { return control.closed == 1; }));
}

TEST_F(HttpAnswerTest, IsTheLastOfAConnectionThatSentTooMuchMeanwhile) {
  start();
  ask();
  send_more_than_is_kept();
  control.give({.head = head(), .piece = "one"});
  EXPECT_THAT(receive("3\r\none\r\n"), HasSubstr("Connection: close\r\n"));
  control.give({.piece = "end", .last = true});
  EXPECT_EQ(receive("0\r\n\r\n"), "3\r\nend\r\n0\r\n\r\n");
  ASSERT_TRUE(run_until(io, [&] { return server->connections() == 0; }));
}

TEST_F(HttpAnswerTest, IsDroppedWithItsConnection) {
  start();
  ask();
  EXPECT_TRUE(run_to_end(io, server->stop(50ms)));
  EXPECT_EQ(control.closed, 1);
}

TEST_F(HttpAnswerTest, WhatFailsEndsItAloneAndTellsNothing) {
  start();
  ask();
  control.give({.piece = "throw"});
  const auto failed = receive("}\n");
  EXPECT_THAT(failed, StartsWith("HTTP/1.1 500 "));
  EXPECT_THAT(failed, testing::Not(HasSubstr("secret")));
  control.next = {};
  ask();
  control.give({.head = head(), .piece = "one"});
  receive("one\r\n");
  control.give({.piece = "throw"});
  ASSERT_TRUE(run_until(io, [&] { return control.closed == 2; }));
}

TEST_F(HttpAnswerTest, IsNotBegunOnASpareConnection) {
  start({.connections = 1});
  ASSERT_TRUE(run_until(io, [&] { return server->connections() == 1; }));
  EXPECT_THAT(exchange(io, address, "POST /slow HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(control.made, 0);
}

TEST_F(HttpAnswerTest, WhoDoesNotReadIsDropped) {
  start({.connection = {.stuck_reader = 100ms}});
  ask();
  control.give({.head = head(), .piece = std::string(std::size_t{64} << 20U, 'x')});
  ASSERT_TRUE(run_until(io, [&] { return control.closed == 1; }));
}

}  // namespace
}  // namespace inkfleet::net
