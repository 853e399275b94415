#include "net/networks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include "net/address.hpp"
#include "net/trimmed.hpp"

namespace inkfleet::net {

namespace {

using Address = asio::ip::address;
using Network = std::variant<asio::ip::network_v4, asio::ip::network_v6>;

constexpr std::string_view kBlank = " \t";
constexpr unsigned short kMappedBits = 96;  ///< what stands before an IPv4 address mapped into IPv6

Network unmapped_network(const asio::ip::network_v6& network) {
  const auto address = unmapped(Address(network.address()));
  if (address.is_v6() || network.prefix_length() < kMappedBits) return network;
  return asio::ip::network_v4(address.to_v4(),
                              static_cast<unsigned short>(network.prefix_length() - kMappedBits));
}

/// An address as proxies write it: "10.0.0.7", "10.0.0.7:5000", "fd00::7", "[fd00::7]", "[fd00::7]:5000".
std::optional<Address> parse_forwarded(std::string_view text) {
  if (text.find('%') != text.npos) return std::nullopt;  // a scope of another machine
  boost::system::error_code bad;
  const auto whole = asio::ip::make_address(std::string(text), bad);
  if (!bad) return unmapped(whole);
  const auto parts = split_host_port(text);
  if (!parts) return std::nullopt;
  const auto host = asio::ip::make_address(std::string(parts->host), bad);
  return bad ? std::nullopt : std::optional(unmapped(host));
}

/// All entries of all lines, first to last.
std::vector<std::string_view> entries_of(const std::vector<std::string_view>& lines) {
  std::vector<std::string_view> entries;
  for (auto line : lines) {
    for (std::size_t comma = 0; comma != line.npos;) {
      comma = line.find(',');
      entries.push_back(trimmed(line.substr(0, comma), kBlank));
      if (comma != line.npos) line.remove_prefix(comma + 1);
    }
  }
  return entries;
}

}  // namespace

void Networks::add(std::string_view what, std::string_view text) {
  const std::string given(text);
  boost::system::error_code bad;
  if (given.find('/') == given.npos) {
    const auto address = unmapped(asio::ip::make_address(given, bad));
    if (!bad && address.is_v4()) networks_.emplace_back(asio::ip::network_v4(address.to_v4(), 32));
    if (!bad && address.is_v6()) networks_.emplace_back(asio::ip::network_v6(address.to_v6(), 128));
  } else if (given.find(':') == given.npos) {
    const auto network = asio::ip::make_network_v4(given, bad);
    if (!bad) networks_.emplace_back(network.canonical());
  } else {
    const auto network = asio::ip::make_network_v6(given, bad);
    if (!bad) networks_.push_back(unmapped_network(network.canonical()));
  }
  if (bad) {
    throw std::runtime_error(fmt::format(
        "{}: expected an address or a network such as 10.0.0.7, 10.0.0.0/8 or fd00::/8, found \"{}\"", what,
        text));
  }
}

bool Networks::contains(const Address& address) const {
  return std::ranges::any_of(networks_, [&](const auto& network) {
    if (const auto* v4 = std::get_if<asio::ip::network_v4>(&network)) {
      return address.is_v4() && asio::ip::network_v4(address.to_v4(), v4->prefix_length()).canonical() == *v4;
    }
    const auto& v6 = std::get<asio::ip::network_v6>(network);
    return address.is_v6() && asio::ip::network_v6(address.to_v6(), v6.prefix_length()).canonical() == v6;
  });
}

Address unmapped(const Address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

Address client_of(const Address& peer, const Networks& trusted,
                  const std::vector<std::string_view>& forwarded) {
  if (!trusted.contains(peer)) return peer;
  auto client = peer;
  const auto entries = entries_of(forwarded);
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const auto address = parse_forwarded(*entry);
    if (!address) return peer;
    client = *address;
    if (!trusted.contains(client)) break;
  }
  return client;
}

Address counted_as(const Address& address) {
  if (!address.is_v6()) return address;
  return asio::ip::network_v6(address.to_v6(), 64).network();
}

}  // namespace inkfleet::net
