#include "net/networks.hpp"

#include <gmock/gmock.h>

#include <stdexcept>

#include "net/address_places.hpp"

namespace inkfleet::net {
namespace {

asio::ip::address ip(const std::string& text) {
  return asio::ip::make_address(text);
}

Networks networks(std::initializer_list<const char*> list) {
  Networks all;
  for (const auto* text : list) all.add("trusted_proxies", text);
  return all;
}

TEST(Networks, ContainAddressesAndNetworks) {
  const auto all = networks({"192.0.2.7", "10.0.0.0/8", "fd00::/8", "2001:db8::1"});
  for (const auto* in : {"192.0.2.7", "10.0.0.0", "10.255.255.255", "fd12::9", "2001:db8::1"}) {
    EXPECT_TRUE(all.contains(ip(in))) << in;
  }
  for (const auto* out :
       {"192.0.2.8", "11.0.0.1", "9.255.255.255", "fe80::1", "2001:db8::2", "::ffff:10.0.0.1"}) {
    EXPECT_FALSE(all.contains(ip(out))) << out;
  }
  EXPECT_TRUE(networks({"10.1.2.3/8"}).contains(ip("10.9.9.9"))) << "bits beyond the prefix do not count";
  EXPECT_FALSE(Networks().contains(ip("127.0.0.1")));
}

// Peers come as IPv4 addresses even where the socket is one of IPv6.
TEST(Networks, TakeIpv4MappedIntoIpv6ForWhatItIs) {
  EXPECT_TRUE(networks({"::ffff:10.0.0.7"}).contains(ip("10.0.0.7")));
  EXPECT_TRUE(networks({"::ffff:10.0.0.0/104"}).contains(ip("10.9.9.9")));
  EXPECT_FALSE(networks({"::ffff:10.0.0.0/104"}).contains(ip("11.0.0.1")));
  EXPECT_FALSE(networks({"::ffff:0:0/90"}).contains(ip("10.0.0.7"))) << "more than what is mapped";
}

TEST(Networks, RefuseWhatIsNone) {
  for (const auto* text :
       {"", "proxy", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "fd00::/129", "10.0.0.1:80"}) {
    EXPECT_THROW(networks({text}), std::runtime_error) << text;
  }
}

std::string client(const std::string& peer, const std::vector<std::string_view>& forwarded) {
  return client_of(ip(peer), networks({"10.0.0.0/8", "127.0.0.1"}), forwarded).to_string();
}

// Deliberate break: taking the first entry believes what the client itself wrote.
TEST(ClientOf, IsTheLastUntrustedEntryBehindATrustedPeer) {
  EXPECT_EQ(client("10.0.0.1", {}), "10.0.0.1");
  EXPECT_EQ(client("10.0.0.1", {"192.0.2.1"}), "192.0.2.1");
  EXPECT_EQ(client("10.0.0.1", {"203.0.113.9, 192.0.2.1"}), "192.0.2.1");
  EXPECT_EQ(client("10.0.0.1", {"203.0.113.9, 192.0.2.1 ,10.0.0.2"}), "192.0.2.1");
  EXPECT_EQ(client("10.0.0.1", {"203.0.113.9", "192.0.2.1", "10.0.0.2"}), "192.0.2.1");
  EXPECT_EQ(client("10.0.0.1", {"10.0.0.3, 10.0.0.2"}), "10.0.0.3");
  EXPECT_EQ(client("127.0.0.1", {"127.0.0.1, 192.0.2.1"}), "192.0.2.1");
}

TEST(ClientOf, IsThePeerThatIsNotTrusted) {
  EXPECT_EQ(client("192.0.2.5", {"203.0.113.9"}), "192.0.2.5");
  EXPECT_EQ(client("192.0.2.5", {"127.0.0.1"}), "192.0.2.5");
}

TEST(ClientOf, ReadsAddressesAsProxiesWriteThem) {
  EXPECT_EQ(client("10.0.0.1", {"192.0.2.1:5000"}), "192.0.2.1");
  EXPECT_EQ(client("10.0.0.1", {"2001:db8::1"}), "2001:db8::1");
  EXPECT_EQ(client("10.0.0.1", {"[2001:db8::1]"}), "2001:db8::1");
  EXPECT_EQ(client("10.0.0.1", {"[2001:db8::1]:5000"}), "2001:db8::1");
  EXPECT_EQ(client("10.0.0.1", {"::ffff:192.0.2.1"}), "192.0.2.1");
}

// Deliberate break: skipping what is no address makes 203.0.113.9 the client.
TEST(ClientOf, IsThePeerWhereAnEntryIsNoAddress) {
  for (const auto* entry : {"unknown", "", "_hidden", "192.0.2.1.5", "192.0.2", "fe80::1%eth0", "[::1",
                            "::1]:5", "\"192.0.2.1\"", "for=192.0.2.1", "-1", "1.2.3.4:5:6"}) {
    EXPECT_EQ(client("10.0.0.1", {"203.0.113.9, " + std::string(entry) + ", 10.0.0.2"}), "10.0.0.1") << entry;
  }
  EXPECT_EQ(client("10.0.0.1", {"nonsense, 192.0.2.1"}), "192.0.2.1") << "what stands before it is not read";
}

TEST(CountedAs, IsTheNetworkOfAnIpv6Address) {
  EXPECT_EQ(counted_as(ip("192.0.2.1")), ip("192.0.2.1"));
  EXPECT_EQ(counted_as(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
  EXPECT_EQ(counted_as(ip("2001:db8:1:2:ffff::")), counted_as(ip("2001:db8:1:2::1")));
}

// Deliberate break: an assignment that gives nothing back keeps the third one out for good.
TEST(AddressPlaces, AreLimitedByAddressAndGivenBack) {
  AddressPlaces places;
  auto one = places.enter(ip("192.0.2.1"), 2), two = places.enter(ip("192.0.2.1"), 2);
  ASSERT_TRUE(one && two);
  EXPECT_FALSE(places.enter(ip("192.0.2.1"), 2));
  EXPECT_TRUE(places.enter(ip("192.0.2.2"), 2)) << "another address has places of its own";
  auto moved = std::move(*one);
  one.reset();
  EXPECT_FALSE(places.enter(ip("192.0.2.1"), 2));
  moved = {};
  auto again = places.enter(ip("192.0.2.1"), 2);
  EXPECT_TRUE(again);
  two.reset();
  again.reset();
  EXPECT_EQ(places.addresses(), 0u) << "an address without connections takes no memory";
}

TEST(AddressPlaces, MayGoBeforeTheLastPlace) {
  auto places = std::make_unique<AddressPlaces>();
  auto place = places->enter(ip("192.0.2.1"), 1);
  places.reset();
  place.reset();
}

}  // namespace
}  // namespace inkfleet::net
