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
