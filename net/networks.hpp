#pragma once

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <string_view>
#include <variant>
#include <vector>

#include "net/aliases.hpp"

/// Whose connection it is. No sockets.
namespace inkfleet::net {

/// A list of addresses and networks, such as the proxies one trusts.
class Networks {
 public:
  /// Adds "10.0.0.7", "10.0.0.0/8", "fd00::/8"; IPv4 mapped into IPv6 as the IPv4 it is. Throws
  /// std::runtime_error with one line that names `what`.
  void add(std::string_view what, std::string_view text);

  [[nodiscard]] bool contains(const asio::ip::address& address) const;

 private:
  std::vector<std::variant<asio::ip::network_v4, asio::ip::network_v6>> networks_;
};

/// An IPv4 address mapped into IPv6 as what it is.
asio::ip::address unmapped(const asio::ip::address& address);

/// Who asks: the peer, or, if that is a trusted proxy, the last entry of X-Forwarded-For that is not one (the
/// first, if all are). `forwarded` are the values of that header's lines, in order. An entry on the way that
/// is no address makes it the peer: what stands before it cannot be believed.
asio::ip::address client_of(const asio::ip::address& peer, const Networks& trusted,
                            const std::vector<std::string_view>& forwarded);

/// What limits count an address as: one that holds an IPv6 address holds its /64 network.
asio::ip::address counted_as(const asio::ip::address& address);

}  // namespace inkfleet::net
