#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>
#include <unordered_map>

#include "bench/load/driver.hpp"
#include "net/address.hpp"

namespace inkfleet::load {

/// llama-server's `POST /completion` with "stream": true and one answer for all n suggestions ("n_cmpl": the
/// prompt is computed once for all of them; it needs as many slots), see the server's README. A connection
/// for each request, because an idle one would hold one of that server's threads. It knows no deadlines: a
/// request whose time is over is cut off, which the server takes for a cancel.
class LlamaDriver : public Driver {
 public:
  /// `url`: only its host, port and path matter.
  LlamaDriver(boost::asio::any_io_executor executor, net::WebSocketUrl url, RequestShape shape);
  ~LlamaDriver() override;

  boost::asio::awaitable<void> open() override;
  void send(LoadRequest request, DriverEvents& events) override;
  void abandon(std::string_view code) override;
  boost::asio::awaitable<void> close() override;

 private:
  class Exchange;

  boost::asio::awaitable<void> converse(std::shared_ptr<Exchange> exchange);

  boost::asio::any_io_executor executor_;
  net::WebSocketUrl url_;
  RequestShape shape_;
  boost::asio::ip::tcp::resolver::results_type addresses_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Exchange>> live_;
};

/// Reads http://HOST:PORT[/PATH]; without a path, /completion. Throws std::runtime_error with the form
/// expected.
net::WebSocketUrl parse_llama_url(std::string_view text);

}  // namespace inkfleet::load
