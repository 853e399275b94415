#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "gateway/gateway_app.hpp"
#include "gateway/reload.hpp"
#include "tests/integration/fake_service.hpp"
#include "tests/integration/ws_test_client.hpp"

/// Services that come, go and fall silent while the gateway runs.
namespace inkfleet::gateway {
namespace {

using namespace std::chrono_literals;
using namespace proto;
using nlohmann::json;
using test::FakeService;
using test::http_get;
using test::run_to_end;
using test::run_until;
using test::WsTestClient;
using testing::HasSubstr;
using testing::Not;

/// Knows one name, and of that what the test says.
class FakeResolver : public Resolver {
 public:
  FakeResolver(Addresses& answer, int& asked) : answer_(answer), asked_(asked) {}
  net::asio::awaitable<Addresses> resolve(std::string) override {
    ++asked_;
    co_return answer_;
  }
  void cancel() override {}

 private:
  Addresses& answer_;
  int& asked_;
};

class UpstreamPoolTest : public testing::Test {
 protected:
  void SetUp() override {
    one.start();
    two.start_at({net::asio::ip::make_address("127.0.0.2"), one.address().port()});
  }

  void start_gateway(const std::string& config) {
    const auto read = [this] { return load_config(file); };
    std::ofstream(file) << config;
    app.emplace(io.get_executor(), read(), metrics, std::make_unique<FakeResolver>(addresses, look_ups));
    reload.emplace(read(), read, [this](const Config& changed) { app->reload(changed); });
    server.emplace(io.get_executor(), *app);
    address = server->listen(test::any_port());
    app->start();
  }

  void reload_with(const std::string& config) {
    std::ofstream(file) << config;
    reload->run();
  }

  /// A configuration of one route, served by these services.
  std::string config(const std::vector<const FakeService*>& services, const std::string& name = "m") {
    auto urls = json::array();
    for (const auto* service : services) urls.push_back(service->url("/m").str());
    return json({{"routes", {{{"suffix", "/" + name}, {"aliases", {"alias"}}, {"upstreams", urls}}}}}).dump();
  }

  void TearDown() override {
    EXPECT_TRUE(run_to_end(io, server->stop(200ms)));
    app->stop();
    for (auto* service : {&one, &two}) {
      service->hung = false;
      service->kill();
    }
    run_until(
        io, [] { return false; }, 20ms);  // the last handlers of what was stopped
    std::filesystem::remove(file);
  }

  WsTestClient& editor(const std::string& path = "/m") {
    clients.push_back(std::make_unique<WsTestClient>(io));
    EXPECT_TRUE(clients.back()->connect(address, path));
    return *clients.back();
  }

  json next(WsTestClient& client) { return json::parse(client.receive().value_or("null")); }

  void wait_for(const std::function<bool()>& done) { ASSERT_TRUE(run_until(io, done)); }

  std::string metrics_text() { return http_get(io, address, "/metrics"); }

  boost::asio::io_context io;
  net::Metrics metrics;
  FakeService one{io}, two{io};  // at the same port of 127.0.0.1 and 127.0.0.2
  Resolver::Addresses addresses{std::vector<std::string>{}};
  int look_ups = 0;
  std::string file = testing::TempDir() + "pool-test-" + std::to_string(::getpid()) + ".json";
  std::optional<GatewayApp> app;
  std::optional<Reload> reload;
  std::optional<net::HttpServer> server;
  net::tcp::endpoint address;
  std::vector<std::unique_ptr<WsTestClient>> clients;
};

// Deliberate break: a HealthProbe::start() that does nothing leaves the request with the silent service.
TEST_F(UpstreamPoolTest, AServiceThatHangsWithItsSocketsOpenIsLeft) {
  start_gateway(config({&one, &two}));
  wait_for([&] { return one.connected() && two.connected(); });
  auto& client = editor();
  client.send(R"({"type": "suggest", "id": "a", "prompt": "x", "seed": 7})");
  const auto asked = one.expect<Suggest>();
  one.send(Started{.id = asked.id, .model = "m", .seed = 7});
  one.send(Delta{.id = asked.id, .text = "so ", .tokens = {5}});
  EXPECT_EQ(next(client)["type"], "started");
  EXPECT_EQ(next(client)["text"], "so ");

  one.hung = true;
  const auto moved = two.expect<Suggest>();
  ASSERT_TRUE(moved.resume);
  EXPECT_EQ(moved.resume->at(0).tokens, std::vector<TokenId>{5});
  EXPECT_TRUE(one.connected()) << "it was the probe that told";
  EXPECT_THAT(metrics_text(),
              HasSubstr(R"(probe_ok{model="m",upstream=")" + one.url("/m").str() + R"("} 0)"));

  one.send(Delta{.id = asked.id, .offset = 1, .text = "late", .tokens = {6}});
  two.send(Started{.id = moved.id, .model = "m", .seed = 7});
  two.send(Delta{.id = moved.id, .offset = 1, .text = "far", .tokens = {8}});
  EXPECT_EQ(next(client)["text"], "far");
  one.hung = false;
  const auto well = R"(probe_ok{model="m",upstream=")" + one.url("/m").str() + R"("} 1)";
  wait_for([&] { return metrics_text().find(well) != std::string::npos; });
}

TEST_F(UpstreamPoolTest, ProbesDoNotPileUpAndCanBeTurnedOff) {
  auto quick = json::parse(config({&one}));
  quick["probe_interval_ms"] = 10;
  one.hung = true;
  start_gateway(quick.dump());
  wait_for([&] { return one.probes > 0; });
  run_until(
      io, [&] { return one.probes > 1; }, 300ms);
  EXPECT_EQ(one.probes, 1) << "the first one has a second";
  quick["probe_interval_ms"] = 0;
  reload_with(quick.dump());
  one.hung = false;
  run_until(
      io, [&] { return one.probes > 1; }, 100ms);
  EXPECT_EQ(one.probes, 1);
  quick["probe_interval_ms"] = 10;
  reload_with(quick.dump());
  wait_for([&] { return one.probes > 3; });
}

// Deliberate break: a remove() that stops the upstream at once cuts the stream in two.
TEST_F(UpstreamPoolTest, AReloadMovesOnToAnotherServiceAndTheStreamEndsWhole) {
  start_gateway(config({&one}));
  wait_for([&] { return one.connected(); });
  auto& client = editor();
  client.send(R"({"type": "suggest", "id": "a", "prompt": "x"})");
  const auto asked = one.expect<Suggest>();
  one.send(Started{.id = asked.id, .model = "m"});
  EXPECT_EQ(next(client)["type"], "started");

  reload_with(config({&two}));
  wait_for([&] { return two.connected(); });
  client.send(R"({"type": "suggest", "id": "b", "prompt": "x"})");
  const auto newer = two.expect<Suggest>();
  run_until(
      io, [&] { return !one.connected(); }, 300ms);  // ticks enough to leave it, were nothing running
  EXPECT_TRUE(one.connected());
  one.send(Delta{.id = asked.id, .text = "whole", .tokens = {5}});
  one.send(Finished{.id = asked.id});
  one.send(Completed{.id = asked.id});
  EXPECT_EQ(next(client)["text"], "whole");
  EXPECT_EQ(next(client)["reason"], "length");
  EXPECT_EQ(next(client)["type"], "completed");
  wait_for([&] { return !one.connected(); });
  EXPECT_THAT(metrics_text(), Not(HasSubstr(one.url("/m").str()))) << "it is none of ours any more";
  two.send(Completed{.id = newer.id});
  EXPECT_EQ(next(client)["id"], "b");
  client.send(R"({"type": "accept", "id": "a", "index": 0, "tokens": 1})");  // of a service that is gone
  client.send(R"({"type": "accept", "id": "b", "index": 0, "tokens": 1})");
  EXPECT_EQ(two.expect<Accept>().id, newer.id);
}

TEST_F(UpstreamPoolTest, AServiceThatComesBackBeforeItHasLeftKeepsItsConnection) {
  start_gateway(config({&one}));
  wait_for([&] { return one.connected(); });
  auto& client = editor();
  client.send(R"({"type": "suggest", "id": "a", "prompt": "x"})");
  const auto asked = one.expect<Suggest>();
  reload_with(config({&two}));
  reload_with(config({&one}));
  one.send(Completed{.id = asked.id});
  EXPECT_EQ(next(client)["type"], "completed");
  run_until(
      io, [&] { return !one.connected(); }, 300ms);
  EXPECT_TRUE(one.connected());
  client.send(R"({"type": "suggest", "id": "b", "prompt": "x"})");
  one.expect<Suggest>();
}

TEST_F(UpstreamPoolTest, ARemovedRouteFinishesWhatRunsAndIsUnknownToNewRequests) {
  start_gateway(config({&one}));
  wait_for([&] { return one.connected(); });
  auto& client = editor();
  client.send(R"({"type": "suggest", "id": "a", "prompt": "x"})");
  const auto asked = one.expect<Suggest>();
  reload_with(config({&two}, "other"));
  client.send(R"({"type": "suggest", "id": "b", "prompt": "x"})");
  const auto refused = next(client);
  EXPECT_EQ(refused["code"], "unknown_model");
  EXPECT_EQ(refused["id"], "b");
  client.send(R"({"type": "prefill", "document": "d", "prompt": "x"})");
  EXPECT_EQ(next(client)["code"], "unknown_model");
  EXPECT_THAT(http_get(io, address, "/m"), testing::StartsWith("HTTP/1.1 404 "));
  wait_for([&] { return two.connected(); });
  EXPECT_THAT(http_get(io, address, "/alias/readyz"), testing::StartsWith("HTTP/1.1 200 "));
  one.send(Completed{.id = asked.id});
  EXPECT_EQ(next(client)["type"], "completed");
  wait_for([&] { return !one.connected(); });
}

// Deliberate break: a Reload::run() without its catch ends the gateway.
TEST_F(UpstreamPoolTest, AReloadWithABrokenFileChangesNothing) {
  start_gateway(config({&one}));
  wait_for([&] { return one.connected(); });
  for (const auto& broken : {config({&two}).substr(1), config({}), std::string()}) {
    reload_with(broken);
    run_until(
        io, [&] { return two.connected(); }, 50ms);
    EXPECT_TRUE(one.connected());
    EXPECT_FALSE(two.connected());
  }
  std::filesystem::remove(file);
  reload->run();
  auto& client = editor();
  client.send(R"({"type": "suggest", "id": "a", "prompt": "x"})");
  one.expect<Suggest>();
}

// Deliberate break: a Membership that keeps the first address of a name only finds half of the fleet.
TEST_F(UpstreamPoolTest, AddressesOfANameComeAndGo) {
  const auto port = std::to_string(one.address().port());
  const auto named = [&](const std::string& resolve) {
    return R"({"resolve_seconds": )" + resolve +
           R"(, "routes": [{"suffix": "/m", "upstreams": ["ws://fleet:)" + port + R"(/m"]}]})";
  };
  addresses = Resolver::Addresses(make_error_code(net::asio::error::host_not_found));
  start_gateway(named("1"));
  wait_for([&] { return look_ups == 1; });
  addresses = std::vector<std::string>{"127.0.0.1", "127.0.0.2"};
  wait_for([&] { return one.connected() && two.connected(); });
  EXPECT_THAT(metrics_text(), HasSubstr("upstream=\"ws://fleet:" + port + "/m (127.0.0.2)\"} 1"));

  addresses = std::vector<std::string>{"127.0.0.2"};
  wait_for([&] { return !one.connected(); });
  addresses = Resolver::Addresses(make_error_code(net::asio::error::host_not_found));
  wait_for([&, before = look_ups] { return look_ups == before + 2; });
  EXPECT_TRUE(two.connected()) << "a look-up that fails says nothing about the services";
}

}  // namespace
}  // namespace inkfleet::gateway
