#include "gateway/config.hpp"

#include <gmock/gmock.h>

#include <stdexcept>

namespace inkfleet::gateway {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr auto kSmallest = R"({"listen": "127.0.0.1:8080", "routes": [
  {"suffix": "/gpt2-medium", "aliases": ["gpt2"], "upstreams": ["ws://127.0.0.1:9001/gpt2-medium"]}]})";

std::string error_of(std::string_view text) {
  try {
    parse_config("fleet.json", text);
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "no error";
}

/// A configuration whose second route is `route`.
std::string with_route(const std::string& route) {
  return R"({"routes": [{"suffix": "/one", "aliases": ["uno"], "upstreams": ["ws://h:1/one"]}, )" + route +
         "]}";
}

TEST(Config, ReadsTheSmallest) {
  const auto config = parse_config("fleet.json", kSmallest);
  EXPECT_EQ(config.listen, "127.0.0.1:8080");
  EXPECT_EQ(config.admin_listen, "");
  ASSERT_EQ(config.routes.size(), 1u);
  EXPECT_EQ(config.routes[0].name, "gpt2-medium");
  EXPECT_THAT(config.routes[0].aliases, ElementsAre("gpt2"));
  EXPECT_EQ(config.routes[0].upstreams[0].port, "9001");
}

TEST(Config, ErrorsNameFileKeyExpectedAndFound) {
  EXPECT_THAT(error_of("{"), StartsWith("fleet.json: expected JSON: "));
  EXPECT_THAT(error_of("[]"), StartsWith("fleet.json: the whole file: expected an object, found []"));
  EXPECT_THAT(error_of("{}"), HasSubstr("expected an object with the key \"routes\", found {}"));
  EXPECT_THAT(error_of(R"({"routes": []})"),
              HasSubstr("routes: expected a list of routes, at least one, found []"));
  EXPECT_THAT(error_of(R"({"routes": [5]})"), HasSubstr("routes[0]: expected an object, found 5"));
  EXPECT_THAT(error_of(with_route(R"({"suffix": "two", "upstreams": ["ws://h:1/"]})")),
              HasSubstr("routes[1].suffix: expected a suffix such as"));
  EXPECT_THAT(error_of(with_route(R"({"suffix": "/two", "upstreams": []})")),
              HasSubstr("routes[1].upstreams: expected a list of addresses"));
  EXPECT_THAT(error_of(with_route(R"({"suffix": "/two", "upstreams": ["http://h/"]})")),
              HasSubstr("fleet.json: routes[1].upstreams[0]: expected ws://HOST:PORT/PATH"));
  EXPECT_THAT(error_of(R"({"listen": "8080", "routes": []})"),
              HasSubstr("fleet.json: listen: expected ADDR:PORT"));
  EXPECT_THAT(error_of(R"({"listen": 8080, "routes": []})"), HasSubstr("listen: expected an address"));
}

TEST(Config, TimesOfProbesAndLookUps) {
  const auto with_times = [](const std::string& times) {
    return R"({"routes": [{"suffix": "/one", "upstreams": ["ws://h:1/"]}], )" + times + "}";
  };
  const auto usual = parse_config("fleet.json", kSmallest);
  EXPECT_EQ(usual.resolve, 10s);
  EXPECT_EQ(usual.probes.interval, 500ms);
  EXPECT_EQ(usual.probes.timeout, 1s);
  const auto own = parse_config(
      "fleet.json", with_times(R"("resolve_seconds": 0, "probe_interval_ms": 0, "probe_timeout_ms": 250)"));
  EXPECT_EQ(own.resolve, 0s);
  EXPECT_EQ(own.probes.interval, 0ms);
  EXPECT_EQ(own.probes.timeout, 250ms);
  EXPECT_THAT(error_of(with_times(R"("resolve_seconds": -1)")),
              HasSubstr("resolve_seconds: expected a whole number 0 to 86400, found -1"));
  EXPECT_THAT(error_of(with_times(R"("probe_timeout_ms": 0)")),
              HasSubstr("probe_timeout_ms: expected a whole number 1 to 60000, found 0"));
  EXPECT_THAT(error_of(with_times(R"("probe_interval_ms": "500")")), HasSubstr("expected a whole number"));
  EXPECT_THAT(error_of(with_times(R"("probe_interval_ms": 0.5)")), HasSubstr("expected a whole number"));
  EXPECT_THAT(error_of(with_times(R"("probe_interval_ms": 18446744073709551616)")),
              HasSubstr("expected a whole number"));
}

// Deliberate break: without the look-up in `optional`, "upstream" is ignored and the fault shows nowhere.
TEST(Config, UnknownKeysAreRefused) {
  EXPECT_THAT(error_of(R"({"routes": [], "lsiten": "127.0.0.1:1"})"),
              HasSubstr("lsiten: expected one of the keys"));
  EXPECT_THAT(error_of(with_route(R"({"suffix": "/two", "upstreams": ["ws://h:1/"], "alias": []})")),
              HasSubstr("routes[1].alias: expected one of the keys suffix, upstreams, aliases, found []"));
}

TEST(Config, NamesAreUsedOnce) {
  EXPECT_THAT(
      error_of(with_route(R"({"suffix": "/one", "upstreams": ["ws://h:2/"]})")),
      HasSubstr(
          "routes[1].suffix: expected a name used once (it is at routes[0].suffix too), found \"/one\""));
  EXPECT_THAT(error_of(with_route(R"({"suffix": "/two", "aliases": ["uno"], "upstreams": ["ws://h:2/"]})")),
              HasSubstr("routes[1].aliases[0]: expected a name used once"));
  EXPECT_THAT(error_of(with_route(R"({"suffix": "/uno", "upstreams": ["ws://h:2/"]})")),
              HasSubstr("it is at routes[0].aliases[0] too"));
  EXPECT_THAT(error_of(with_route(R"({"suffix": "/two", "upstreams": ["ws://h:2/", "ws://h:2/"]})")),
              HasSubstr("routes[1].upstreams[1]: expected an address that is not in the list already"));
}

TEST(Config, SuffixesWithOddCharactersAreRefused) {
  for (const auto* suffix :
       {"/", "/a b", "/a/b", "/a?b", "/caf\u00e9", "/..", "/%41", "/healthz", "/v1", "/ws"}) {
    const auto error =
        error_of(with_route(std::string(R"({"suffix": ")") + suffix + R"(", "upstreams": ["ws://h:2/"]})"));
    EXPECT_THAT(error, StartsWith("fleet.json: routes[1].suffix: expected ")) << suffix;
  }
}

/// A configuration with these members beside its routes.
std::string with_members(const std::string& members) {
  return R"({"routes": [{"suffix": "/one", "upstreams": ["ws://h:1/"]}], )" + members + "}";
}

TEST(Config, WhereThePageLies) {
  EXPECT_EQ(parse_config("fleet.json", kSmallest).page_folder, "");
  EXPECT_EQ(parse_config("fleet.json", with_members(R"("page": "build/page")")).page_folder, "build/page");
  EXPECT_THAT(error_of(with_members(R"("page": "")")), HasSubstr("page: expected a folder's name"));
  EXPECT_THAT(error_of(with_members(R"("page": true)")), HasSubstr("page: expected a folder's name"));
}

TEST(Config, WhoMayComeIn) {
  const auto usual = parse_config("fleet.json", kSmallest);
  EXPECT_EQ(usual.auth.key_file, "");
  EXPECT_EQ(usual.server.tls, nullptr);
  EXPECT_FALSE(usual.log_prompts);
  const auto own = parse_config("fleet.json", with_members(R"(
    "auth": {"key_file": "keys.txt", "legacy_open": true}, "upstream_key_file": "own-key",
    "origins": ["https://a.example"], "trusted_proxies": ["10.0.0.0/8"],
    "tls": {"certificate": "chain.pem", "key": "key.pem"}, "log_prompts": true)"));
  EXPECT_EQ(own.auth.key_file, "keys.txt");
  EXPECT_TRUE(own.auth.legacy_open);
  EXPECT_EQ(own.upstream_key_file, "own-key");
  EXPECT_TRUE(own.origins.allows("https://a.example", "h"));
  EXPECT_TRUE(own.server.trusted_proxies.contains(net::asio::ip::make_address("10.2.3.4")));
  EXPECT_EQ(own.tls.certificate, "chain.pem");
  EXPECT_EQ(own.tls.key, "key.pem");
  EXPECT_TRUE(own.log_prompts);
}

TEST(Config, LimitsAreNamedByKey) {
  const auto own = parse_config("fleet.json", with_members(R"("limits": {
    "live_requests": 2, "connections_per_address": 3, "handshake_ms": 400, "http_body_bytes": 5000,
    "service_frame_bytes": 200000, "count_loopback": true})"));
  EXPECT_EQ(own.live_requests, 2u);
  EXPECT_EQ(own.server.per_address, 3u);
  EXPECT_EQ(own.server.connection.handshake, 400ms);
  EXPECT_EQ(own.server.body_limit, 5000u);
  EXPECT_EQ(own.service_frame_bytes, 200'000u);
  EXPECT_TRUE(own.server.count_loopback);
}

TEST(Config, ErrorsOfDoorsNameTheKey) {
  const auto error = [](const std::string& members) { return error_of(with_members(members)); };
  EXPECT_THAT(error(R"("auth": "keys.txt")"), HasSubstr("auth: expected an object"));
  EXPECT_THAT(error(R"("auth": {"key_file": ""})"), HasSubstr("auth.key_file: expected the name of a file"));
  EXPECT_THAT(error(R"("auth": {"key_file": "k", "open": 1})"),
              HasSubstr("auth.open: expected one of the keys"));
  EXPECT_THAT(error(R"("origins": [])"), HasSubstr("origins: expected a list of origins, at least one"));
  EXPECT_THAT(error(R"("origins": ["a.example"])"), HasSubstr("origins[0]: expected an origin such as"));
  EXPECT_THAT(error(R"("trusted_proxies": ["10/8"])"), HasSubstr("trusted_proxies[0]: expected an address"));
  EXPECT_THAT(error(R"("tls": {"key": "k"})"), HasSubstr("an object with the key \"certificate\""));
  EXPECT_THAT(error(R"("limits": {"pings": 1})"), HasSubstr("limits.pings: expected one of the keys"));
  EXPECT_THAT(error(R"("limits": {"ping_ms": 1})"),
              HasSubstr("limits.ping_ms: expected a whole number 10 to"));
  EXPECT_THAT(error(R"("limits": {"ping_ms": 500, "idle_ms": 500})"), HasSubstr("limits: idle_ms is 500"));
  EXPECT_THAT(error(R"("limits": {"frame_bytes": 262144})"),
              HasSubstr("limits: frame_bytes is 262144, service_frame_bytes is 262144"));
  EXPECT_THAT(error(R"("log_prompts": 1)"), HasSubstr("log_prompts: expected true or false"));
}

TEST(Config, AFileThatIsNotThereIsNamed) {
  try {
    load_config("/nowhere/fleet.json");
    FAIL();
  } catch (const std::runtime_error& e) {
    EXPECT_THAT(e.what(), StartsWith("/nowhere/fleet.json: cannot be read: No such file or directory"));
  }
}

}  // namespace
}  // namespace inkfleet::gateway
