#include "gateway/membership.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <set>
#include <utility>

namespace inkfleet::gateway {

namespace {

bool is_address(const std::string& host) {
  boost::system::error_code no;
  net::asio::ip::make_address(host, no);
  return !no;
}

bool same(const ServiceAddress& one, const ServiceAddress& other) {
  return one.model == other.model && one.name() == other.name();
}

/// What is in `all` and not in `others`.
std::vector<ServiceAddress> without(const std::vector<ServiceAddress>& all,
                                    const std::vector<ServiceAddress>& others) {
  std::vector<ServiceAddress> rest;
  for (const auto& service : all) {
    const auto is_it = [&](const ServiceAddress& other) { return same(service, other); };
    if (std::ranges::none_of(others, is_it)) rest.push_back(service);
  }
  return rest;
}

}  // namespace

std::string ServiceAddress::name() const {
  return url.host == address ? url.str() : url.str() + " (" + address + ")";
}

Membership::Change Membership::set_routes(std::vector<Route> routes) {
  routes_ = std::move(routes);
  const auto still = names();
  std::erase_if(addresses_, [&](const auto& known) { return std::ranges::count(still, known.first) == 0; });
  return update();
}

Membership::Change Membership::set_addresses(const std::string& host,
                                             const std::vector<std::string>& addresses) {
  if (addresses.empty() || std::ranges::count(names(), host) == 0) return {};
  const std::set<std::string> each_once(addresses.begin(), addresses.end());
  addresses_[host] = {each_once.begin(), each_once.end()};
  return update();
}

std::vector<std::string> Membership::names() const {
  std::set<std::string> names;
  for (const auto& route : routes_) {
    for (const auto& url : route.upstreams) {
      if (!is_address(url.host)) names.insert(url.host);
    }
  }
  return {names.begin(), names.end()};
}

bool Membership::incomplete() const {
  return addresses_.size() < names().size();
}

std::vector<ServiceAddress> Membership::wanted() const {
  std::vector<ServiceAddress> services;
  for (const auto& route : routes_) {
    for (const auto& url : route.upstreams) {
      if (is_address(url.host)) {
        services.push_back({route.name, url, url.host});
      } else if (const auto known = addresses_.find(url.host); known != addresses_.end()) {
        for (const auto& address : known->second) services.push_back({route.name, url, address});
      }
    }
  }
  return services;
}

Membership::Change Membership::update() {
  auto now = wanted();
  Change change{.added = without(now, services_), .removed = without(services_, now)};
  services_ = std::move(now);
  return change;
}

}  // namespace inkfleet::gateway
