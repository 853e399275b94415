#include <gmock/gmock.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <map>

#include "bench/load/inkfleet_driver.hpp"
#include "bench/load/llama_driver.hpp"
#include "proto/json.hpp"
#include "tests/integration/fake_service.hpp"
#include "tests/integration/loopback.hpp"

/// The load client's two drivers over real loopback sockets, against servers that misbehave.
namespace inkfleet::load {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using namespace std::chrono_literals;
using asio::ip::tcp;
using test::run_to_end;
using test::run_until;
using testing::ElementsAre;
using testing::Pair;

/// What was heard of requests.
struct Heard : DriverEvents {
  void on_tokens(std::uint64_t, int suggestion, int count, Clock::time_point) override {
    tokens[suggestion] += count;
  }
  void on_completed(std::uint64_t number, const proto::Usage& used, Clock::time_point) override {
    ends.emplace_back(number, "completed");
    usage = used;
  }
  void on_failed(std::uint64_t number, std::string_view code, Clock::time_point) override {
    ends.emplace_back(number, code);
  }

  std::map<int, int> tokens;
  std::vector<std::pair<std::uint64_t, std::string>> ends;
  proto::Usage usage;
};

LoadRequest request(std::uint64_t number, std::chrono::milliseconds time = 60s) {
  return {.number = number, .prompt = "Once \"upon\" a time", .seed = 5, .deadline = Clock::now() + time};
}

// ---- llama-server's stream -----------------------------------------------------------------------------

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

/// Reads one request a connection and answers it with `script`, each piece written by itself; then closes, or
/// with `hold` waits until the client does.
class ScriptedServer {
 public:
  explicit ScriptedServer(asio::io_context& io) : io_(io), acceptor_(io, test::any_port()) {
    net::spawn(io_.get_executor(), "scripted server", accept());
  }
  ~ScriptedServer() { acceptor_.close(); }

  net::WebSocketUrl url() const {
    return parse_llama_url("http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()));
  }

  std::vector<std::string> script;
  bool hold = false;
  std::vector<http::request<http::string_body>> requests;
  int let_go = 0;  // connections held that the client closed

 private:
  asio::awaitable<void> accept() {
    for (bool more = true; more;) {
      auto [error, socket] = co_await acceptor_.async_accept(kAwait);
      more = !error;
      if (more) net::spawn(io_.get_executor(), "scripted connection", answer(std::move(socket)));
    }
  }

  asio::awaitable<void> answer(tcp::socket socket) {
    boost::beast::flat_buffer buffer;
    http::request<http::string_body> request;
    const auto [error, size] = co_await http::async_read(socket, buffer, request, kAwait);
    if (error) co_return;  // the probe of open()
    requests.push_back(std::move(request));
    for (const auto& piece : script) co_await asio::async_write(socket, asio::buffer(piece), kAwait);
    if (!hold) co_return;
    char nothing = 0;
    co_await socket.async_read_some(asio::buffer(&nothing, 1), kAwait);
    ++let_go;
  }

  asio::io_context& io_;
  tcp::acceptor acceptor_;
};

const std::string kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string chunk(const std::string& text) {
  std::ostringstream size;
  size << std::hex << text.size();
  return size.str() + "\r\n" + text + "\r\n";
}

/// A stream in chunks of `size` bytes.
std::vector<std::string> chunked(const std::string& stream, std::size_t size, bool whole = true) {
  std::vector<std::string> pieces{kStreamHead};
  for (std::size_t at = 0; at < stream.size(); at += size) pieces.push_back(chunk(stream.substr(at, size)));
  if (whole) pieces.push_back("0\r\n\r\n");
  return pieces;
}

std::string piece(int index, int predicted) {
  return "data: {\"index\":" + std::to_string(index) +
         ",\"content\":\" a\",\"stop\":false,\"tokens_predicted\":" + std::to_string(predicted) + "}\n\n";
}

std::string last(int index, int predicted) {
  return "data: {\"index\":" + std::to_string(index) +
         ",\"content\":\"\",\"stop\":true,\"tokens_predicted\":" + std::to_string(predicted) +
         ",\"tokens_evaluated\":9,\"timings\":{\"cache_n\":4,\"prompt_n\":5}}\n\n";
}

class LlamaDriverTest : public testing::Test {
 protected:
  /// Sends one request and waits for its end.
  std::string outcome(std::chrono::milliseconds time = 60s) {
    EXPECT_TRUE(run_to_end(io, driver.open()));
    driver.send(request(7, time), heard);
    EXPECT_TRUE(run_until(io, [this] { return !heard.ends.empty(); }));
    EXPECT_EQ(heard.ends.size(), 1U);
    EXPECT_EQ(heard.ends.at(0).first, 7U);
    return heard.ends.at(0).second;
  }

  asio::io_context io;
  ScriptedServer server{io};
  LlamaDriver driver{
      io.get_executor(), server.url(), {.n = 2, .max_tokens = 3, .temperature = 0.5, .top_k = 10}};
  Heard heard;
};

const std::string kTwoSuggestions = piece(0, 1) + piece(1, 1) + ": ping\n\n" + piece(0, 2) + piece(1, 3) +
                                    piece(0, 3) + last(0, 3) + last(1, 3);

TEST_F(LlamaDriverTest, AsksForAllSuggestionsAtOnce) {
  server.script = chunked(kTwoSuggestions, kTwoSuggestions.size());
  EXPECT_EQ(outcome(), "completed");
  ASSERT_EQ(server.requests.size(), 1U);
  EXPECT_EQ(server.requests[0].target(), "/completion");
  const auto body = std::get<proto::Json>(proto::parse_json(server.requests[0].body()));
  EXPECT_EQ(body["prompt"], "Once \"upon\" a time");
  EXPECT_EQ(body["n_cmpl"], 2);
  EXPECT_EQ(body["n_predict"], 3);
  EXPECT_EQ(body["stream"], true);
  EXPECT_EQ(body["seed"], 5);
  EXPECT_EQ(body["top_k"], 10);
  EXPECT_EQ(body["temperature"], 0.5);
  EXPECT_EQ(body["samplers"].dump(), R"(["top_k","temperature"])");
}

TEST_F(LlamaDriverTest, ReadsAStreamThatIsCutAnywhere) {
  for (const std::size_t size : {1, 2, 3, 7, 50, 1'000}) {
    server.script = chunked(kTwoSuggestions, size);
    heard = {};
    EXPECT_EQ(outcome(), "completed") << size;
    EXPECT_THAT(heard.tokens, ElementsAre(Pair(0, 3), Pair(1, 3)));
    EXPECT_EQ(heard.usage.prompt_tokens, 9);
    EXPECT_EQ(heard.usage.cached_tokens, 4);
    EXPECT_EQ(heard.usage.completion_tokens, 6);
  }
}

TEST_F(LlamaDriverTest, ABrokenConnectionIsAFailure) {
  server.script = chunked(kTwoSuggestions.substr(0, kTwoSuggestions.size() - 30), 40, false);
  EXPECT_EQ(outcome(), "disconnected");
  EXPECT_THAT(heard.tokens, ElementsAre(Pair(0, 3), Pair(1, 3)));
}

TEST_F(LlamaDriverTest, AStreamThatEndsEarlyIsAFailure) {
  server.script = chunked(piece(0, 1) + last(0, 1), 40);
  EXPECT_EQ(outcome(), "incomplete");
}

TEST_F(LlamaDriverTest, ARefusalIsAFailure) {
  server.script = {"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\n{}"};
  EXPECT_EQ(outcome(), "http_503");
}

TEST_F(LlamaDriverTest, AnErrorWithinTheStreamIsAFailure) {
  server.script = chunked(
      piece(0, 1) + "data: {\"error\":{\"code\":500,\"message\":\"m\",\"type\":\"server_error\"}}\n\n", 20);
  EXPECT_EQ(outcome(), "server_error");
}

TEST_F(LlamaDriverTest, WhatIsNoJsonIsAFailure) {
  server.script = chunked("data: hello\n\n", 100);
  EXPECT_EQ(outcome(), "bad_answer");
}

TEST_F(LlamaDriverTest, TheDeadlineCutsTheConnection) {
  server.script = chunked(piece(0, 1), 100, false);
  server.hold = true;
  EXPECT_EQ(outcome(50ms), "deadline");
  EXPECT_TRUE(run_until(io, [this] { return server.let_go == 1; }));
}

TEST_F(LlamaDriverTest, AbandonedRequestsEndAtOnce) {
  server.hold = true;
  driver.send(request(1), heard);
  driver.send(request(2), heard);
  driver.abandon("no_answer");
  EXPECT_THAT(heard.ends, testing::UnorderedElementsAre(Pair(1, "no_answer"), Pair(2, "no_answer")));
  EXPECT_TRUE(run_to_end(io, driver.close()));
  EXPECT_EQ(heard.ends.size(), 2U);
}

TEST(LlamaUrl, HasAPath) {
  EXPECT_EQ(parse_llama_url("http://127.0.0.1:8080").path, "/completion");
  EXPECT_EQ(parse_llama_url("http://127.0.0.1:8080/other").path, "/other");
  for (const auto* wrong : {"ws://127.0.0.1:8080/", "127.0.0.1:8080", "http://", "http://h:0"}) {
    EXPECT_THROW(parse_llama_url(wrong), std::runtime_error) << wrong;
  }
}

// ---- our own protocol ----------------------------------------------------------------------------------

class InkfleetDriverTest : public testing::Test {
 protected:
  InkfleetDriverTest() {
    service.start();
    driver.emplace(io.get_executor(), service.url("/gpt2"), 1, RequestShape{.n = 2, .max_tokens = 3});
    EXPECT_TRUE(run_to_end(io, driver->open()));
  }
  ~InkfleetDriverTest() override { EXPECT_TRUE(run_to_end(io, driver->close())); }

  void wait_for_ends(std::size_t count) {
    EXPECT_TRUE(run_until(io, [&] { return heard.ends.size() >= count; }));
    EXPECT_EQ(heard.ends.size(), count);
  }

  asio::io_context io;
  test::FakeService service{io};
  std::optional<InkfleetDriver> driver;
  Heard heard;
};

TEST_F(InkfleetDriverTest, AsksAndHearsTheAnswer) {
  driver->send(request(7, 30s), heard);
  const auto asked = service.expect<proto::Suggest>();
  EXPECT_EQ(asked.prompt, "Once \"upon\" a time");
  EXPECT_EQ(asked.n, 2);
  EXPECT_EQ(asked.max_tokens, 3);
  EXPECT_EQ(asked.seed, 5U);
  EXPECT_GT(asked.deadline, 20s);
  EXPECT_LE(asked.deadline, 30s);
  service.send(proto::Delta{.id = asked.id, .index = 1, .text = " a b", .tokens = {1, 2}});
  service.send(proto::Finished{.id = asked.id, .index = 1, .reason = proto::FinishReason::kLength});
  service.send(proto::Finished{.id = asked.id, .index = 0, .reason = proto::FinishReason::kEndOfText});
  service.send(proto::Completed{.id = asked.id, .usage = {.prompt_tokens = 9, .cached_tokens = 4}});
  wait_for_ends(1);
  EXPECT_THAT(heard.ends, ElementsAre(Pair(7, "completed")));
  EXPECT_THAT(heard.tokens, ElementsAre(Pair(1, 2)));
  EXPECT_EQ(heard.usage.cached_tokens, 4);
}

TEST_F(InkfleetDriverTest, RefusalsAreFailuresByCode) {
  driver->send(request(1), heard);
  driver->send(request(2), heard);
  service.expect<proto::Suggest>();
  const auto second = service.expect<proto::Suggest>();
  service.send(proto::Error{.code = proto::ErrorCode::kOverloaded, .message = "full", .id = second.id});
  wait_for_ends(1);
  EXPECT_THAT(heard.ends, ElementsAre(Pair(2, "overloaded")));
  driver->abandon("no_answer");
}

TEST_F(InkfleetDriverTest, ASuggestionCutShortFailsTheRequest) {
  driver->send(request(1), heard);
  const auto asked = service.expect<proto::Suggest>();
  service.send(proto::Finished{.id = asked.id, .index = 0, .reason = proto::FinishReason::kLength});
  service.send(proto::Finished{.id = asked.id, .index = 1, .reason = proto::FinishReason::kDeadline});
  service.send(proto::Completed{.id = asked.id});
  wait_for_ends(1);
  EXPECT_THAT(heard.ends, ElementsAre(Pair(1, "deadline")));
}

TEST_F(InkfleetDriverTest, ALostConnectionFailsItsRequestsAndThoseToCome) {
  driver->send(request(1), heard);
  service.expect<proto::Suggest>();
  service.kill();
  wait_for_ends(1);
  driver->send(request(2), heard);
  EXPECT_THAT(heard.ends, ElementsAre(Pair(1, "disconnected"), Pair(2, "disconnected")));
}

TEST_F(InkfleetDriverTest, AbandonedRequestsAreCancelled) {
  driver->send(request(1), heard);
  const auto asked = service.expect<proto::Suggest>();
  driver->abandon("no_answer");
  EXPECT_THAT(heard.ends, ElementsAre(Pair(1, "no_answer")));
  EXPECT_EQ(service.expect<proto::Cancel>().id, asked.id);
  service.send(proto::Completed{.id = asked.id});  // its late end is nobody's any more
  driver->send(request(2), heard);
  service.send(proto::Completed{.id = service.expect<proto::Suggest>().id});
  wait_for_ends(2);
  EXPECT_THAT(heard.ends, ElementsAre(Pair(1, "no_answer"), Pair(2, "completed")));
}

}  // namespace
}  // namespace inkfleet::load
