#pragma once

#include <prometheus/registry.h>

#include <boost/asio/ip/address.hpp>
#include <string>
#include <vector>

#include "net/http_app.hpp"

namespace inkfleet::net {

/// The numbers a program exports. Counting is safe from any thread; families are made at start.
class Metrics {
 public:
  prometheus::Registry& registry() { return registry_; }

  /// Prometheus text format 0.0.4.
  std::string text() const;

  /// The answer to GET /metrics. On the public address (`admin` false) only loopback clients are told; others
  /// see 404, as if there were no such path.
  HttpResponse answer(const asio::ip::address& client, bool admin) const;

 private:
  prometheus::Registry registry_;
};

/// Bucket bounds in seconds for times to a first token or between tokens: 1 ms to 60 s, a factor of about 2
/// apart.
const std::vector<double>& latency_buckets();

/// What the admin address serves: GET /metrics, and nothing else.
class AdminApp : public HttpApp {
 public:
  explicit AdminApp(const Metrics& metrics) : metrics_(metrics) {}

  asio::awaitable<HttpResponse> handle(const HttpRequest& request, const asio::ip::address& client) override;
  std::variant<SessionFactory, HttpResponse> upgrade(const HttpRequest& request,
                                                     const asio::ip::address& client) override;

 private:
  const Metrics& metrics_;
};

}  // namespace inkfleet::net
