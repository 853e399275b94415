#include "gateway/membership.hpp"

#include <gmock/gmock.h>

namespace inkfleet::gateway {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Route route(const std::string& name, const std::vector<std::string>& urls) {
  Route route{.name = name};
  for (const auto& url : urls) route.upstreams.push_back(net::parse_websocket_url("test", url));
  return route;
}

std::vector<std::string> names(const std::vector<ServiceAddress>& services) {
  std::vector<std::string> names;
  for (const auto& service : services) names.push_back(service.model + " " + service.name());
  return names;
}

TEST(Membership, AddressesInNumbersServeAtOnce) {
  Membership membership;
  const auto change = membership.set_routes(
      {route("a", {"ws://127.0.0.1:1/a", "ws://[::1]:1/a"}), route("b", {"ws://127.0.0.1:1/b"})});
  EXPECT_THAT(names(change.added),
              ElementsAre("a ws://127.0.0.1:1/a", "a ws://[::1]:1/a", "b ws://127.0.0.1:1/b"));
  EXPECT_THAT(change.removed, IsEmpty());
  EXPECT_EQ(change.added[1].address, "::1");
  EXPECT_THAT(membership.names(), IsEmpty());
  EXPECT_FALSE(membership.incomplete());
}

TEST(Membership, EachAddressOfANameIsAService) {
  Membership membership;
  EXPECT_THAT(membership.set_routes({route("a", {"ws://fleet:1/a"}), route("b", {"ws://fleet:2/b"})}).added,
              IsEmpty());
  EXPECT_THAT(membership.names(), ElementsAre("fleet"));
  EXPECT_TRUE(membership.incomplete());
  const auto change = membership.set_addresses("fleet", {"10.0.0.2", "fd00::1", "10.0.0.2"});
  EXPECT_THAT(names(change.added), ElementsAre("a ws://fleet:1/a (10.0.0.2)", "a ws://fleet:1/a (fd00::1)",
                                               "b ws://fleet:2/b (10.0.0.2)", "b ws://fleet:2/b (fd00::1)"));
  EXPECT_EQ(change.added[0].url.host, "fleet");
  EXPECT_EQ(change.added[1].address, "fd00::1");
  EXPECT_FALSE(membership.incomplete());
}

// Deliberate break: an update() that gives all services as `added` connects to each of them once more.
TEST(Membership, OnlyWhatDiffersChanges) {
  Membership membership;
  membership.set_routes({route("a", {"ws://fleet:1/a", "ws://127.0.0.1:1/a"})});
  membership.set_addresses("fleet", {"10.0.0.1", "10.0.0.2"});
  const auto change = membership.set_addresses("fleet", {"10.0.0.3", "10.0.0.2"});
  EXPECT_THAT(names(change.added), ElementsAre("a ws://fleet:1/a (10.0.0.3)"));
  EXPECT_THAT(names(change.removed), ElementsAre("a ws://fleet:1/a (10.0.0.1)"));
  const auto again = membership.set_addresses("fleet", {"10.0.0.2", "10.0.0.3"});
  EXPECT_THAT(again.added, IsEmpty());
  EXPECT_THAT(again.removed, IsEmpty());
}

// Deliberate break: without the look at `addresses.empty()` an empty answer takes the whole fleet away.
TEST(Membership, AnAnswerWithoutAddressesKeepsWhatWasKnown) {
  Membership membership;
  membership.set_routes({route("a", {"ws://fleet:1/a"})});
  membership.set_addresses("fleet", {"10.0.0.1"});
  EXPECT_THAT(membership.set_addresses("fleet", {}).removed, IsEmpty());
  EXPECT_THAT(membership.set_addresses("fleet", {"10.0.0.1"}).added, IsEmpty());
}

TEST(Membership, ANewConfigurationKeepsTheAddressesOfItsNames) {
  Membership membership;
  membership.set_routes({route("a", {"ws://old:1/a", "ws://fleet:1/a"})});
  membership.set_addresses("fleet", {"10.0.0.1"});
  membership.set_addresses("old", {"10.0.0.9"});
  const auto change = membership.set_routes({route("a", {"ws://fleet:1/a"}), route("b", {"ws://fleet:2/b"})});
  EXPECT_THAT(names(change.added), ElementsAre("b ws://fleet:2/b (10.0.0.1)"));
  EXPECT_THAT(names(change.removed), ElementsAre("a ws://old:1/a (10.0.0.9)"));
  EXPECT_THAT(membership.set_addresses("old", {"10.0.0.9"}).added, IsEmpty()) << "a late answer";
  membership.set_routes({route("a", {"ws://old:1/a"})});
  EXPECT_TRUE(membership.incomplete()) << "a name that comes back is looked up anew";
}

}  // namespace
}  // namespace inkfleet::gateway
