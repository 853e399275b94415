#include "net/address.hpp"

#include <gmock/gmock.h>

#include <stdexcept>

namespace inkfleet::net {
namespace {

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "";
}

TEST(Address, EndpointsOfBothFamilies) {
  EXPECT_EQ(to_string(parse_endpoint("--listen", "127.0.0.1:8080")), "127.0.0.1:8080");
  EXPECT_EQ(to_string(parse_endpoint("--listen", "[::1]:0")), "[::1]:0");
  EXPECT_EQ(to_string(parse_endpoint("--listen", ":80")), "0.0.0.0:80");
}

TEST(Address, WhatIsNoEndpointIsNamed) {
  for (const auto* bad :
       {"", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "1.2.3:80", "::1:80",
        "[::1", "[::1]80", "localhost:80", "127.0.0.1:80x", "127.0.0.1: 80"}) {
    const auto error = error_of([&] { parse_endpoint("--listen", bad); });
    EXPECT_THAT(error, testing::StartsWith("--listen: expected ADDR:PORT")) << bad;
    EXPECT_THAT(error, testing::HasSubstr(std::string("found \"") + bad + '"'));
  }
}

TEST(Address, WebSocketUrls) {
  const auto url = parse_websocket_url("upstream", "ws://host.example:9001/gpt2-medium");
  EXPECT_EQ(url.host, "host.example");
  EXPECT_EQ(url.port, "9001");
  EXPECT_EQ(url.path, "/gpt2-medium");
  EXPECT_EQ(parse_websocket_url("upstream", "ws://host").str(), "ws://host:80/");
  EXPECT_EQ(parse_websocket_url("upstream", "ws://[::1]:9001/m").str(), "ws://[::1]:9001/m");
  EXPECT_EQ(parse_websocket_url("upstream", "ws://[::1]:9001/m").host, "::1");
}

TEST(Address, WhatIsNoWebSocketUrlIsNamed) {
  for (const auto* bad : {"", "http://host/", "ws://", "ws:///path", "ws://host:0/", "ws://host:99999/",
                          "ws://a b/", "ws://user@host/", "ws://host/a b", "ws://host/#part", "ws://::1/"}) {
    const auto error = error_of([&] { parse_websocket_url("routes[0].upstreams[1]", bad); });
    EXPECT_THAT(error, testing::StartsWith("routes[0].upstreams[1]: expected ws://HOST:PORT/PATH")) << bad;
  }
}

}  // namespace
}  // namespace inkfleet::net
