#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "gateway/gateway_app.hpp"
#include "tests/integration/fake_service.hpp"
#include "tests/integration/ws_test_client.hpp"

/// The whole gateway over real loopback sockets, between a client and a service of the test's own.
namespace inkfleet::gateway {
namespace {

using namespace std::chrono_literals;
using namespace proto;
using nlohmann::json;
using test::exchange;
using test::FakeService;
using test::http_get;
using test::run_to_end;
using test::run_until;
using test::WsTestClient;
using testing::HasSubstr;
using testing::StartsWith;

constexpr auto kLegacyPath = "/ws/async/writeup/text_generation/session/page-1/";

class GatewayTest : public testing::Test {
 protected:
  void SetUp() override {
    service.start();
    start_gateway();
    ASSERT_TRUE(run_until(io, [&] { return service.connected(); }));
  }

  void start_gateway() {
    Config config;
    config.routes = {
        {.name = "gpt2-demo", .aliases = {"gpt2-medium"}, .upstreams = {service.url("/gpt2-demo")}},
        {.name = "absent", .upstreams = {{"127.0.0.1", "1", "/absent"}}}};
    app.emplace(io.get_executor(), config, metrics);
    server.emplace(io.get_executor(), *app);
    address = server->listen(test::any_port());
    app->start();
  }

  void TearDown() override {
    EXPECT_TRUE(run_to_end(io, server->stop(200ms)));
    app->stop();
    if (service.connected()) service.kill();
    run_until(
        io, [] { return false; }, 20ms);  // the last handlers of what was stopped
  }

  WsTestClient& editor(const std::string& path = "/gpt2-demo") {
    clients.push_back(std::make_unique<WsTestClient>(io));
    EXPECT_TRUE(clients.back()->connect(address, path));
    return *clients.back();
  }

  json next(WsTestClient& client) { return json::parse(client.receive().value_or("null")); }

  boost::asio::io_context io;
  net::Metrics metrics;
  FakeService service{io};
  std::optional<GatewayApp> app;
  std::optional<net::HttpServer> server;
  net::tcp::endpoint address;
  std::vector<std::unique_ptr<WsTestClient>> clients;
};

Completed completed(const std::string& id) {
  return {.id = id,
          .receipt = {.model = "gpt2-demo", .weights = "sha256:0", .engine = {"1", "cpu", "fp32", "avx2"}}};
}

TEST_F(GatewayTest, StreamsThrough) {
  auto& client = editor("/gpt2-medium/");
  client.send(R"({"type": "suggest", "id": "a", "prompt": "Once \ud800", "n": 1})");
  const auto asked = service.expect<Suggest>();
  EXPECT_EQ(asked.prompt, "Once \xef\xbf\xbd");
  EXPECT_TRUE(asked.seed);
  service.send(Started{.id = asked.id, .model = "gpt2-demo", .seed = *asked.seed, .exact = true});
  service.send(Delta{.id = asked.id, .text = " upon", .tokens = {2402}});
  service.send(Finished{.id = asked.id, .reason = FinishReason::kStop});
  service.send(completed(asked.id));

  const auto started = next(client), delta = next(client), finished = next(client), done = next(client);
  EXPECT_EQ(started["type"], "started");
  EXPECT_EQ(started["id"], "a");
  EXPECT_EQ(delta["text"], " upon");
  EXPECT_EQ(delta["tokens"], json({2402}));
  EXPECT_EQ(finished["reason"], "stop");
  EXPECT_EQ(done["type"], "completed");
  EXPECT_EQ(done["receipt"]["weights"], "sha256:0");
}

TEST_F(GatewayTest, ManyEditorsShareOneConnection) {
  auto &first = editor(), &second = editor();
  first.send(R"({"type": "suggest", "id": "a", "prompt": "one", "document": "d"})");
  const auto one = service.expect<Suggest>();
  second.send(R"({"type": "suggest", "id": "a", "prompt": "two", "document": "d"})");
  const auto two = service.expect<Suggest>();
  EXPECT_NE(one.id, two.id);
  EXPECT_NE(one.document, two.document);
  service.send(Started{.id = two.id, .model = "second"});
  service.send(Started{.id = one.id, .model = "first"});
  EXPECT_EQ(next(first)["model"], "first");
  EXPECT_EQ(next(second)["model"], "second");
}

TEST_F(GatewayTest, SupersedeAndCancelReachTheService) {
  auto& client = editor();
  client.send(R"({"type": "suggest", "id": "a", "prompt": "x", "document": "d"})");
  const auto older = service.expect<Suggest>();
  client.send(R"({"type": "suggest", "id": "b", "prompt": "xy", "document": "d"})");
  EXPECT_EQ(service.expect<Cancel>().id, older.id);
  const auto newer = service.expect<Suggest>();
  client.send(R"({"type": "cancel", "id": "b", "index": 0})");
  const auto cancel = service.expect<Cancel>();
  EXPECT_EQ(cancel.id, newer.id);
  EXPECT_EQ(cancel.index, 0);
}

TEST_F(GatewayTest, PrefillAndAcceptReachTheService) {
  auto &first = editor(), &second = editor();
  first.send(R"({"type": "prefill", "document": "d", "id": "a", "prompt": "one"})");
  const auto one = service.expect<Prefill>();
  second.send(R"({"type": "prefill", "document": "d", "prompt": "two"})");
  const auto two = service.expect<Prefill>();
  EXPECT_NE(one.document, two.document);
  service.send(Error{.code = ErrorCode::kInternal, .message = "about one of them", .frame = "prefill"});
  service.send(Prefilled{two.document, two.id, 2, 1});
  service.send(Prefilled{one.document, one.id, 1, 0});
  EXPECT_EQ(next(second),
            json({{"type", "prefilled"}, {"document", "d"}, {"prompt_tokens", 2}, {"cached_tokens", 1}}));
  EXPECT_EQ(next(first)["id"], "a");

  first.send(R"({"type": "suggest", "id": "a", "prompt": "x", "heal": true})");
  const auto asked = service.expect<Suggest>();
  EXPECT_TRUE(asked.heal);
  service.send(completed(asked.id));
  EXPECT_EQ(next(first)["type"], "completed");
  first.send(R"({"type": "accept", "id": "a", "index": 1, "tokens": 3})");
  const auto accepted = service.expect<Accept>();
  EXPECT_EQ(accepted.id, asked.id);
  EXPECT_EQ(accepted.index, 1);
  EXPECT_EQ(accepted.tokens, 3);
}

// Deliberate break: an EditorSession::on_closed() that does nothing lets the service compute for nobody.
TEST_F(GatewayTest, AnEditorThatVanishesCancelsWhatItAsked) {
  auto& client = editor();
  client.send(R"({"type": "suggest", "id": "a", "prompt": "x"})");
  const auto asked = service.expect<Suggest>();
  client.send_raw(std::string("\x81\xfe\x10", 3));  // a frame that breaks off in its header
  client.vanish();
  EXPECT_EQ(service.expect<Cancel>().id, asked.id);
}

// Deliberate break: a WsUpstream::on_closed() that does not tell the relay leaves the request without an end.
TEST_F(GatewayTest, AServiceThatGoesAwayMidStreamAndComesBack) {
  auto& client = editor();
  client.send(R"({"type": "suggest", "id": "a", "prompt": "x", "n": 2})");
  const auto asked = service.expect<Suggest>();
  service.send(Started{.id = asked.id, .model = "gpt2-demo"});
  EXPECT_EQ(next(client)["type"], "started");
  service.kill();
  for (const int index : {0, 1}) {
    const auto finished = next(client);
    EXPECT_EQ(finished["reason"], "failed");
    EXPECT_EQ(finished["index"], index);
  }
  const auto error = next(client);
  EXPECT_EQ(error["code"], "unavailable");
  EXPECT_EQ(error["id"], "a");
  EXPECT_GT(error["retry_after_ms"], 0);

  client.send(R"({"type": "suggest", "id": "b", "prompt": "x"})");
  EXPECT_EQ(next(client)["code"], "unavailable");

  service.start();
  ASSERT_TRUE(run_until(io, [&] { return service.connected(); }));
  client.send(R"({"type": "suggest", "id": "b", "prompt": "x"})");
  const auto again = service.expect<Suggest>();
  service.send(completed(again.id));
  EXPECT_EQ(next(client)["type"], "completed");
}

TEST_F(GatewayTest, BadFramesAreAnsweredAndTheConnectionGoesOn) {
  auto& client = editor();
  for (const auto* bad : {"not json", "[1]", R"({"type": "dance"})", R"({"type": "suggest", "id": "a"})"}) {
    client.send(bad);
    EXPECT_EQ(next(client)["code"], "bad_request") << bad;
  }
  client.send_binary("bytes");
  EXPECT_EQ(next(client)["code"], "bad_request");
  client.send(R"({"type": "suggest", "id": "a", "prompt": ""})");
  EXPECT_EQ(service.expect<Suggest>().prompt, "");
}

TEST_F(GatewayTest, AFrameBeyond64KiBClosesWith1009) {
  auto &client = editor(), &other = editor();
  client.send(std::string(64 * 1024 + 1, ' '));
  EXPECT_EQ(client.wait_for_close(), 1009u);
  other.send(R"({"type": "suggest", "id": "a", "prompt": "x"})");
  EXPECT_EQ(service.expect<Suggest>().prompt, "x");
}

/// 12 MB of deltas for an editor that does not read, more than sockets buffer: what waits merges, other
/// editors go on, and when it reads again it gets every byte.
// Deliberate break: an Outbox that does not merge delivers every delta on its own.
TEST_F(GatewayTest, ASlowReaderIsBoundedAndLosesNothing) {
  constexpr int kDeltas = 8000;
  const std::string piece(1500, 'x');
  auto &slow = editor(), &quick = editor();
  slow.pause_reading();
  slow.send(R"({"type": "suggest", "id": "a", "prompt": "x"})");
  const auto asked = service.expect<Suggest>();
  quick.send(R"({"type": "suggest", "id": "q", "prompt": "x"})");
  const auto other = service.expect<Suggest>();
  service.send(Started{.id = asked.id});
  service.send(Started{.id = other.id});
  EXPECT_EQ(next(quick)["type"], "started");
  for (int i = 0; i < kDeltas; ++i) {
    service.send(Delta{.id = asked.id, .offset = i, .text = piece, .tokens = {i}});
    io.poll();  // one by one, so that it is in the gateway where they meet and merge
  }
  service.send(Finished{.id = asked.id});
  service.send(completed(asked.id));
  service.send(completed(other.id));
  EXPECT_EQ(next(quick)["type"], "finished");

  slow.resume_reading();
  std::size_t bytes = 0, tokens = 0, frames = 0;
  for (auto frame = next(slow); frame["type"] != "completed"; frame = next(slow)) {
    ASSERT_FALSE(frame.is_null()) << "dropped";
    if (frame["type"] != "delta") continue;
    EXPECT_EQ(frame["offset"], tokens);
    bytes += frame["text"].get<std::string>().size();
    tokens += frame["tokens"].size();
    ++frames;
  }
  EXPECT_EQ(bytes, kDeltas * piece.size());
  EXPECT_EQ(tokens, static_cast<std::size_t>(kDeltas));
  EXPECT_LT(frames, kDeltas * 3u / 4u) << "nothing merged";
}

TEST_F(GatewayTest, UnknownSuffixesListTheKnown) {
  for (const auto* path :
       {"/nowhere", "/gpt2-demox", "/gpt2%20demo", "/%00", "/gpt2-demo/else", "/caf%C3%A9"}) {
    const auto answer = http_get(io, address, path);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 ")) << path;
    EXPECT_THAT(answer, HasSubstr(R"("suffixes":["/gpt2-demo","/absent"])")) << path;
    WsTestClient client(io);
    EXPECT_FALSE(client.connect(address, path));
    EXPECT_EQ(client.status(), 404u) << path;
  }
}

TEST_F(GatewayTest, PlainRequests) {
  EXPECT_THAT(http_get(io, address, "/"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(http_get(io, address, "/gpt2-demo"), StartsWith("HTTP/1.1 426 "));
  EXPECT_THAT(http_get(io, address, kLegacyPath), StartsWith("HTTP/1.1 426 "));
  EXPECT_THAT(http_get(io, address, "/v1/models"), HasSubstr(R"("aliases":["gpt2-medium"])"));
  EXPECT_THAT(exchange(io, address, "DELETE /gpt2-demo HTTP/1.1\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 405 "));
}

TEST_F(GatewayTest, HealthNeverDependsOnOneModel) {
  for (const auto* path : {"/healthz", "/readyz", "/livez", "/gpt2-demo/healthz", "/gpt2-medium/readyz"}) {
    EXPECT_THAT(http_get(io, address, path), StartsWith("HTTP/1.1 200 ")) << path;
  }
  EXPECT_THAT(http_get(io, address, "/absent/readyz"), StartsWith("HTTP/1.1 503 "));
  service.kill();
  EXPECT_THAT(http_get(io, address, "/gpt2-demo/healthz"), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(http_get(io, address, "/healthz"), StartsWith("HTTP/1.1 200 "));
  app->drain();
  EXPECT_THAT(http_get(io, address, "/readyz"), HasSubstr("\"check\":\"draining\""));
  EXPECT_THAT(http_get(io, address, "/healthz"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(GatewayTest, MetricsTellWhatHappened) {
  auto& client = editor();
  client.send(R"({"type": "suggest", "id": "a", "prompt": "x"})");
  const auto asked = service.expect<Suggest>();
  EXPECT_THAT(http_get(io, address, "/metrics"),
              HasSubstr(R"(inkfleet_gateway_live_requests{door="protocol",model="gpt2-demo"} 1)"));
  service.send(Started{.id = asked.id});
  service.send(Delta{.id = asked.id, .text = "t"});
  service.send(completed(asked.id));
  for (auto frame = next(client); frame["type"] != "completed"; frame = next(client)) {
  }
  const auto text = http_get(io, address, "/metrics");
  EXPECT_THAT(
      text,
      HasSubstr(
          R"(inkfleet_gateway_requests_total{door="protocol",model="gpt2-demo",outcome="completed"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(inkfleet_gateway_live_requests{door="protocol",model="gpt2-demo"} 0)"));
  EXPECT_THAT(text, HasSubstr(R"(inkfleet_gateway_first_token_seconds_count{model="gpt2-demo"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(inkfleet_gateway_connections{door="protocol"} 1)"));
  EXPECT_THAT(text, HasSubstr(R"(inkfleet_gateway_upstream_connected{model="absent",)"));
}

TEST_F(GatewayTest, AnExistingEditorIsServed) {
  auto &page = editor(kLegacyPath), &twin = editor(kLegacyPath);
  page.send(R"({"message_type": "new_request", "prompt": " typed ", "batch_size": "1", "length": 5})");
  const auto asked = service.expect<Suggest>();
  EXPECT_EQ(asked.prompt, "typed");
  service.send(Started{.id = asked.id});
  service.send(Delta{.id = asked.id, .text = " more", .tokens = {7}});
  EXPECT_EQ(next(page)["message"], json({{"prompt", "typed"}, {"text_0", "more"}}));
  EXPECT_EQ(next(twin)["message"]["text_0"], "more");
  service.send(Delta{.id = asked.id, .offset = 1, .text = " text", .tokens = {8}});
  service.send(Finished{.id = asked.id});
  service.send(completed(asked.id));
  EXPECT_EQ(next(page)["message"]["text_0"], "more text");

  page.send(R"({"message_type": "new_request", "prompt": "x", "length": 0})");
  EXPECT_EQ(next(page)["message"]["text_0"], "Invalid Data Was Passed");
  service.kill();
  page.send(R"({"message_type": "new_request", "prompt": "x"})");
  EXPECT_EQ(next(page)["message"]["text_0"], "An Error Occurred");
}

TEST_F(GatewayTest, TheNinthSocketOfASessionIsRefused) {
  for (int i = 0; i < 8; ++i) editor(kLegacyPath);
  WsTestClient ninth(io);
  EXPECT_FALSE(ninth.connect(address, kLegacyPath));
  EXPECT_EQ(ninth.status(), 429u);
}

}  // namespace
}  // namespace inkfleet::gateway
