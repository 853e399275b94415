#include "gateway/access.hpp"

#include <gmock/gmock.h>

namespace inkfleet::gateway {
namespace {

using net::HttpRequest;
using net::HttpResponse;
namespace http = net::http;

constexpr auto kKey = "0123456789abcdef-first";

Config with_keys(bool legacy_open = false) {
  Config config;
  config.auth.keys =
      std::make_shared<const net::KeyStore>(net::KeyStore::parse("keys.txt", std::string("site ") + kKey));
  config.auth.legacy_open = legacy_open;
  return config;
}

HttpRequest with_key(const std::string& key) {
  HttpRequest request;
  request.set(http::field::authorization, "Bearer " + key);
  return request;
}

/// The caller's name, or the status of the refusal.
std::string told(const std::variant<Caller, HttpResponse>& admitted) {
  const auto* caller = std::get_if<Caller>(&admitted);
  return caller ? caller->name : std::to_string(std::get<HttpResponse>(admitted).result_int());
}

std::string admit(const Config& config, const HttpRequest& request, const char* client = "192.0.2.1") {
  return told(Access(config).admit(request, net::asio::ip::make_address(client)));
}

std::string admit_legacy(const Config& config, const HttpRequest& request) {
  return told(Access(config).admit_legacy(request, net::asio::ip::make_address("192.0.2.1")));
}

TEST(Access, WithoutKeysACallerIsItsAddress) {
  EXPECT_EQ(admit({}, {}), "address:192.0.2.1");
  EXPECT_EQ(admit({}, with_key(kKey)), "address:192.0.2.1");
  EXPECT_EQ(admit({}, {}, "2001:db8::5"), "address:2001:db8::");
  EXPECT_EQ(admit_legacy({}, {}), "address:192.0.2.1");
}

TEST(Access, WithKeysACallerIsItsKey) {
  EXPECT_EQ(admit(with_keys(), with_key(kKey)), "key:site");
  EXPECT_EQ(admit(with_keys(), {}), "401");
  EXPECT_EQ(admit(with_keys(), with_key("0123456789abcdef-other")), "401");
}

// Deliberate break: an admit_legacy() that is admit() lets the second in and keeps the third out.
TEST(Access, TheLegacyDoorIsClosedWhileThereAreKeysUnlessOpened) {
  EXPECT_EQ(admit_legacy(with_keys(), {}), "401");
  EXPECT_EQ(admit_legacy(with_keys(), with_key(kKey)), "401");
  EXPECT_EQ(admit_legacy(with_keys(true), {}), "address:192.0.2.1");
  EXPECT_EQ(admit_legacy(with_keys(true), with_key(kKey)), "key:site");
  EXPECT_EQ(admit_legacy(with_keys(true), with_key("0123456789abcdef-other")), "401");
}

TEST(Access, AForeignOriginIsRefusedAtBothDoors) {
  auto request = with_key(kKey);
  request.set(http::field::host, "gateway.example");
  request.set(http::field::origin, "http://evil.example");
  for (const auto& config : {Config{}, with_keys(), with_keys(true)}) {
    EXPECT_EQ(admit(config, request), "403");
    if (!config.auth.keys || config.auth.legacy_open) {
      EXPECT_EQ(admit_legacy(config, request), "403");
    }
  }
}

TEST(Caller, SharesAnswersOnlyWithItsOwnKey) {
  EXPECT_EQ((Caller{"address:192.0.2.1"}.owner()), (Caller{"address:192.0.2.2"}.owner()));
  EXPECT_NE((Caller{"key:a"}.owner()), (Caller{"key:b"}.owner()));
  EXPECT_NE((Caller{"key:a"}.owner()), (Caller{"address:192.0.2.1"}.owner()));
}

}  // namespace
}  // namespace inkfleet::gateway
