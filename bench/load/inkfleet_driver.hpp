#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>
#include <vector>

#include "bench/load/driver.hpp"
#include "net/address.hpp"

namespace inkfleet::load {

/// Our own protocol: requests are spread over some WebSockets that stay open, as those of editors do.
class InkfleetDriver : public Driver {
 public:
  InkfleetDriver(boost::asio::any_io_executor executor, const net::WebSocketUrl& url, int connections,
                 RequestShape shape);
  ~InkfleetDriver() override;

  boost::asio::awaitable<void> open() override;
  void send(LoadRequest request, DriverEvents& events) override;
  void abandon(std::string_view code) override;
  boost::asio::awaitable<void> close() override;

 private:
  class Connection;

  boost::asio::any_io_executor executor_;
  std::string url_;  // for messages
  RequestShape shape_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace inkfleet::load
