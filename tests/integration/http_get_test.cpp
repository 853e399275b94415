#include "net/http_get.hpp"

#include <gtest/gtest.h>

#include <boost/asio/write.hpp>
#include <boost/beast/core/error.hpp>
#include <optional>

#include "tests/integration/loopback.hpp"

namespace inkfleet::net {
namespace {

using namespace std::chrono_literals;
using test::run_until;
using Status = boost::system::result<unsigned>;

asio::awaitable<void> get(beast::tcp_stream& stream, tcp::endpoint server, std::chrono::milliseconds limit,
                          std::optional<Status>& status) {
  status = co_await http_get(stream, server, "localhost", "/healthz", limit);
}

class HttpGet : public testing::Test {
 protected:
  /// Asks; `meanwhile` is called again and again until the answer has come.
  Status ask(
      std::chrono::milliseconds limit, const std::function<void()>& meanwhile = [] {}) {
    std::optional<Status> status;
    beast::tcp_stream stream(io);
    spawn(io.get_executor(), "get", get(stream, acceptor.local_endpoint(), limit, status));
    EXPECT_TRUE(run_until(io, [&] {
      meanwhile();
      return status.has_value();
    }));
    return status.value_or(Status(0u));
  }

  /// What the server says to whom it accepts.
  std::function<void()> answering(const std::string& text) {
    acceptor.non_blocking(true);
    return [this, text] {
      boost::system::error_code nobody;
      tcp::socket socket(io);
      acceptor.accept(socket, nobody);
      if (nobody) return;
      asio::write(socket, asio::buffer(text));
      accepted.push_back(std::move(socket));
    };
  }

  asio::io_context io;
  tcp::acceptor acceptor{io, test::any_port()};
  std::vector<tcp::socket> accepted;
};

TEST_F(HttpGet, GivesTheStatus) {
  EXPECT_EQ(ask(5s, answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")).value(), 200u);
  EXPECT_EQ(ask(5s, answering("HTTP/1.1 503 Sick\r\nContent-Length: 0\r\n\r\n")).value(), 503u);
}

// Deliberate break: without expires_after() this never ends.
TEST_F(HttpGet, WhoAcceptsAndIsSilentIsNotWaitedFor) {
  EXPECT_EQ(ask(50ms).error(), beast::error::timeout);
  EXPECT_EQ(ask(50ms, answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")).error(),
            beast::error::timeout)
      << "half an answer is none";
}

TEST_F(HttpGet, WhoDoesNotAcceptIsNotWaitedFor) {
  acceptor.listen(0);  // a queue that is full at once, as that of a process that hangs
  std::vector<tcp::socket> queue;
  for (int i = 0; i < 4; ++i) {
    queue.emplace_back(io).async_connect(acceptor.local_endpoint(), [](auto) {});
  }
  run_until(
      io, [] { return false; }, 20ms);
  EXPECT_EQ(ask(50ms).error(), beast::error::timeout);
}

TEST_F(HttpGet, NobodyThereAndNoHttp) {
  EXPECT_TRUE(ask(5s, answering("SSH-2.0\r\n\r\n")).has_error());
  EXPECT_TRUE(ask(5s, answering("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")).has_error());
  const auto address = acceptor.local_endpoint();
  acceptor.close();
  std::optional<Status> status;
  beast::tcp_stream stream(io);
  spawn(io.get_executor(), "get", get(stream, address, 5s, status));
  ASSERT_TRUE(run_until(io, [&] { return status.has_value(); }));
  EXPECT_EQ(status->error(), asio::error::connection_refused);
}

}  // namespace
}  // namespace inkfleet::net
