#include "net/origin.hpp"

#include <gmock/gmock.h>

#include <stdexcept>

namespace inkfleet::net {
namespace {

OriginRule rule(std::initializer_list<const char*> list) {
  OriginRule rule;
  for (const auto* origin : list) rule.add("origins", origin);
  return rule;
}

// Deliberate break: comparing only how the two begin allows the fourth of those that are refused.
TEST(OriginRule, IsTheHostAskedUnlessListed) {
  const OriginRule same_host;
  EXPECT_TRUE(same_host.allows("http://127.0.0.1:8080", "127.0.0.1:8080"));
  EXPECT_TRUE(same_host.allows("https://Example.org", "example.ORG"));
  EXPECT_TRUE(same_host.allows("https://example.org", "example.org:443"));
  EXPECT_TRUE(same_host.allows("http://example.org:80", "example.org"));
  EXPECT_TRUE(same_host.allows("http://[::1]:8080", "[::1]:8080"));
  EXPECT_FALSE(same_host.allows("http://evil.example", "example.org"));
  EXPECT_FALSE(same_host.allows("http://127.0.0.1:9090", "127.0.0.1:8080"));
  EXPECT_FALSE(same_host.allows("https://example.org:80", "example.org"));
  EXPECT_FALSE(same_host.allows("https://example.org.evil.example", "example.org"));
  EXPECT_FALSE(same_host.allows("null", "null"));
  EXPECT_FALSE(same_host.allows("", ""));
  EXPECT_FALSE(same_host.allows("http://", ""));
  EXPECT_FALSE(same_host.allows("http://user@example.org", "example.org"));
  EXPECT_FALSE(same_host.allows("http://example.org/", "example.org"));
}

TEST(OriginRule, IsTheListWhenThereIsOne) {
  const auto listed =
      rule({"https://app.example.org:443", "http://localhost:3000", "chrome-extension://abc"});
  EXPECT_TRUE(listed.allows("https://app.example.org", "other"));
  EXPECT_TRUE(listed.allows("HTTP://LOCALHOST:3000", "other"));
  EXPECT_TRUE(listed.allows("chrome-extension://abc", "other"));
  EXPECT_FALSE(listed.allows("http://app.example.org", "other"));
  EXPECT_FALSE(listed.allows("http://localhost", "localhost"));
  EXPECT_FALSE(listed.allows("null", "other"));
  EXPECT_TRUE(rule({"null"}).allows("null", "other"));
  EXPECT_TRUE(rule({"*"}).allows("http://anything", "other"));
}

TEST(OriginRule, RefusesWhatIsNoOrigin) {
  for (const auto* text :
       {"", "example.org", "https://", "https://example.org/path", "*.example.org", "a b://c d"}) {
    EXPECT_THROW(rule({text}), std::runtime_error) << text;
  }
}

TEST(CheckOrigin, IsAClear403) {
  HttpRequest request;
  request.set(http::field::host, "example.org");
  EXPECT_FALSE(check_origin({}, request));
  request.set(http::field::origin, "http://example.org");
  EXPECT_FALSE(check_origin({}, request));
  request.insert(http::field::origin, "http://example.org");
  EXPECT_TRUE(check_origin({}, request)) << "two of them";
  request.set(http::field::origin, "http://evil.example");
  const auto refused = check_origin({}, request);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->result(), http::status::forbidden);
  EXPECT_THAT(refused->body(), testing::HasSubstr("http://evil.example"));
}

}  // namespace
}  // namespace inkfleet::net
