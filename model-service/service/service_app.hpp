#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "model-service/faults/faults.hpp"
#include "model-service/service/service_health.hpp"
#include "model-service/service/service_metrics.hpp"
#include "model-service/service/service_state.hpp"
#include "net/api_keys.hpp"
#include "net/http_app.hpp"
#include "net/metrics.hpp"
#include "net/origin.hpp"
#include "net/responses.hpp"

namespace inkfleet::service {

struct ServiceAppOptions {
  std::chrono::milliseconds wait_limit{2'000};  ///< an expected wait at which `inkfleet_saturation` is 1
  faults::Faults* faults = nullptr;             ///< to be had on demand; null: there is no /faults
  bool admin_address = false;                   ///< /metrics and /faults are answered there and not here
  std::shared_ptr<const net::KeyStore> keys{};  ///< of those who may ask; null: everybody
  net::OriginRule origins{};                    ///< web pages that may
  bool log_prompts = false;
};

/// Whether others than this machine may use a service that listens there.
inline bool is_open_to_all(const boost::asio::ip::address& listen, bool has_keys) {
  return !has_keys && !listen.is_loopback();
}

/// What a model service answers over HTTP: its WebSocket door, health and metrics. I/O thread only.
class ServiceApp : public net::HttpApp {
 public:
  /// All must outlive it.
  ServiceApp(ServiceState& state, const ServiceHealth& health, net::Metrics& metrics,
             ServiceMetrics& service_metrics, ServiceAppOptions options);

  boost::asio::awaitable<net::HttpResponse> handle(const net::HttpRequest& request,
                                                   const boost::asio::ip::address& client) override;
  std::variant<net::SessionFactory, net::HttpResponse> upgrade(
      const net::HttpRequest& request, const boost::asio::ip::address& client) override;

  /// Those who may ask from now on; not null. What is connected stays.
  void set_keys(std::shared_ptr<const net::KeyStore> keys) { options_.keys = std::move(keys); }

  /// What the admin address serves: /metrics, and /faults where there are some.
  net::HttpResponse answer_admin(const net::HttpRequest& request, const boost::asio::ip::address& client);

 private:
  [[nodiscard]] bool is_open(std::string_view path) const;
  [[nodiscard]] std::optional<net::HttpResponse> refusal(const net::HttpRequest& request) const;
  net::HttpResponse answer(const net::HttpRequest& request, const boost::asio::ip::address& client);
  net::HttpResponse answer_metrics(const boost::asio::ip::address& client, bool admin);
  [[nodiscard]] net::Health healthy() const;
  [[nodiscard]] net::Health ready() const;
  [[nodiscard]] net::HttpResponse unknown_path(std::string_view path) const;

  ServiceState& state_;
  const ServiceHealth& health_;
  net::Metrics& metrics_;
  ServiceMetrics& service_metrics_;
  ServiceAppOptions options_;
  std::string door_;  // "/gpt2-medium"
};

/// The admin address of a service.
class ServiceAdmin : public net::HttpApp {
 public:
  explicit ServiceAdmin(ServiceApp& app) : app_(app) {}

  boost::asio::awaitable<net::HttpResponse> handle(const net::HttpRequest& request,
                                                   const boost::asio::ip::address& client) override {
    co_return app_.answer_admin(request, client);
  }
  std::variant<net::SessionFactory, net::HttpResponse> upgrade(
      const net::HttpRequest& request, const boost::asio::ip::address& client) override {
    return app_.answer_admin(request, client);
  }

 private:
  ServiceApp& app_;
};

}  // namespace inkfleet::service
