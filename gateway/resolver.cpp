#include "gateway/resolver.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace inkfleet::gateway {

net::asio::awaitable<Resolver::Addresses> SystemResolver::resolve(std::string host) {
  constexpr auto kAwait = net::asio::as_tuple(net::asio::use_awaitable);
  const auto [error, found] = co_await resolver_.async_resolve(host, "", kAwait);
  if (error) co_return Addresses(error);
  std::vector<std::string> addresses;
  for (const auto& entry : found) addresses.push_back(entry.endpoint().address().to_string());
  co_return Addresses(std::move(addresses));
}

}  // namespace inkfleet::gateway
