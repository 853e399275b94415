#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/result.hpp>
#include <string>
#include <vector>

#include "net/aliases.hpp"

namespace inkfleet::gateway {

/// Finds the addresses behind a host's name. Used from one thread, for one name at a time.
class Resolver {
 public:
  using Addresses = boost::system::result<std::vector<std::string>>;

  virtual ~Resolver() = default;

  /// All IPv4 and IPv6 addresses of the name, in numbers.
  virtual net::asio::awaitable<Addresses> resolve(std::string host) = 0;

  /// Lets a look-up that is under way fail.
  virtual void cancel() = 0;
};

/// The system's: /etc/hosts, DNS, and whatever else it is configured to ask.
class SystemResolver : public Resolver {
 public:
  explicit SystemResolver(const net::asio::any_io_executor& executor) : resolver_(executor) {}

  net::asio::awaitable<Addresses> resolve(std::string host) override;
  void cancel() override { resolver_.cancel(); }

 private:
  net::tcp::resolver resolver_;
};

}  // namespace inkfleet::gateway
