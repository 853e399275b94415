#pragma once

#include <string>

#include "model-service/health/prober.hpp"
#include "model-service/health/verdict.hpp"
#include "model-service/service/service_metrics.hpp"
#include "model-service/service/service_state.hpp"
#include "net/http_app.hpp"
#include "net/metrics.hpp"
#include "net/responses.hpp"

namespace inkfleet::service {

/// What a model service answers over HTTP: its WebSocket door, health and metrics. I/O thread only.
class ServiceApp : public net::HttpApp {
 public:
  ServiceApp(ServiceState& state, const health::Prober& prober, net::Metrics& metrics,
             ServiceMetrics& service_metrics);

  boost::asio::awaitable<net::HttpResponse> handle(const net::HttpRequest& request,
                                                   const boost::asio::ip::address& client) override;
  std::variant<net::SessionFactory, net::HttpResponse> upgrade(
      const net::HttpRequest& request, const boost::asio::ip::address& client) override;

 private:
  net::HttpResponse answer(const net::HttpRequest& request, const boost::asio::ip::address& client);
  [[nodiscard]] net::Health healthy() const;
  [[nodiscard]] net::Health ready() const;
  [[nodiscard]] net::HttpResponse unknown_path(std::string_view path) const;

  ServiceState& state_;
  const health::Prober& prober_;
  net::Metrics& metrics_;
  ServiceMetrics& service_metrics_;
  std::string door_;  // "/gpt2-medium"
};

}  // namespace inkfleet::service
