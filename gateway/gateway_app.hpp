#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "gateway/access.hpp"
#include "gateway/config.hpp"
#include "gateway/gateway_metrics.hpp"
#include "gateway/legacy_session.hpp"
#include "gateway/openai_door.hpp"
#include "gateway/page.hpp"
#include "gateway/relay.hpp"
#include "gateway/resolver.hpp"
#include "gateway/router.hpp"
#include "gateway/upstream_pool.hpp"
#include "net/http_app.hpp"
#include "net/metrics.hpp"

namespace inkfleet::gateway {

/// The gateway: what it answers on its address, and its connections to services. Lives on one executor with
/// one thread; let the server that uses it end first.
class GatewayApp : public net::HttpApp {
 public:
  /// Names of services are resolved by `resolver`; null: as the system does.
  GatewayApp(net::asio::any_io_executor executor, const Config& config, net::Metrics& metrics,
             std::unique_ptr<Resolver> resolver = nullptr);

  /// Connects to the services, and keeps doing so.
  void start();

  /// Routes, aliases, services and their times are those of this configuration from now on; what runs goes
  /// on.
  void reload(const Config& config);

  /// Not ready any more; what runs goes on.
  void drain() { draining_ = true; }

  /// Leaves the services. Requests still running end as `unavailable`.
  void stop();

  net::asio::awaitable<net::HttpResponse> handle(const net::HttpRequest& request,
                                                 const net::asio::ip::address& client) override;
  std::optional<net::AnswerFactory> answer_over_time(const net::HttpRequest& request,
                                                     const net::asio::ip::address& client) override;
  std::variant<net::SessionFactory, net::HttpResponse> upgrade(const net::HttpRequest& request,
                                                               const net::asio::ip::address& client) override;
  void on_refused(net::http::status status) override;

 private:
  using Decision = std::variant<net::SessionFactory, net::HttpResponse>;

  bool is_open(std::string_view path) const;
  net::HttpResponse refuse(net::HttpResponse response);
  net::HttpResponse answer(std::string_view path, const net::asio::ip::address& client) const;
  net::HttpResponse answer_model(const Router::Target& target, std::string_view path) const;
  net::HttpResponse unknown_path(std::string_view path) const;
  net::HttpResponse readiness() const;
  Decision upgrade_model(std::string_view path, Caller caller);
  Decision upgrade_legacy(const std::string& name, const Caller& caller);
  net::SessionFactory counted(Door door, net::SessionFactory make);
  net::asio::awaitable<void> keep_ticking();

  net::asio::any_io_executor executor_;
  Router router_;
  Access access_;
  std::shared_ptr<const Page> page_;  // null: there is none
  net::Metrics& metrics_;
  GatewayMetrics counts_;
  Relay relay_;
  UpstreamPool pool_;
  SharedAnswers answers_;
  LegacySessions legacy_;
  OpenAiDoor openai_;
  std::unique_ptr<boost::asio::steady_timer> tick_;
  std::uint64_t connections_ = 0;
  std::size_t live_requests_;
  bool log_prompts_;
  bool admin_elsewhere_ = false;
  bool draining_ = false;
  bool stopped_ = false;
};

}  // namespace inkfleet::gateway
