#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gateway/config.hpp"
#include "gateway/gateway_metrics.hpp"
#include "gateway/membership.hpp"
#include "gateway/relay.hpp"
#include "gateway/resolver.hpp"
#include "gateway/ws_upstream.hpp"
#include "net/aliases.hpp"

namespace inkfleet::gateway {

/// The services of all models, as configuration and DNS have them at the moment: connects to those that come;
/// those that go get no new requests, and are left when they have answered what they run. On one executor
/// with one thread; keep it until the executor has run out of work.
class UpstreamPool {
 public:
  /// The pause after a look-up that left a name without any address.
  static constexpr std::chrono::seconds kRetryResolve{1};

  UpstreamPool(net::asio::any_io_executor executor, Relay& relay, GatewayMetrics& metrics,
               std::unique_ptr<Resolver> resolver);

  /// What to serve from now on. No stream is dropped.
  void apply(const Config& config);

  /// Connects to the services and resolves names, and keeps doing so.
  void start();

  /// Leaves all services at once.
  void stop();

  /// Leaves those that have gone and have nothing left to do. Call every 100 ms or so.
  void tick();

 private:
  using Upstreams = std::vector<std::unique_ptr<WsUpstream>>;

  void set_models(const std::vector<Route>& routes);
  void change(const Membership::Change& change);
  void add(const ServiceAddress& service);
  void remove(const ServiceAddress& service);
  net::asio::awaitable<void> keep_resolving();
  net::asio::awaitable<void> resolve(std::string host);
  Clock::time_point next_look_up() const;
  net::ClientOptions client_options() const;

  net::asio::any_io_executor executor_;
  Relay& relay_;
  GatewayMetrics& metrics_;
  std::unique_ptr<Resolver> resolver_;
  boost::asio::steady_timer pause_;
  Membership membership_;
  std::set<std::string> models_;
  std::set<std::string> unresolved_;  // names whose last look-up failed
  std::chrono::seconds resolve_every_{0};
  ProbeTimes probes_;
  std::size_t frame_limit_ = proto::limits::kServiceFrameBytes;
  std::shared_ptr<std::string> key_ = std::make_shared<std::string>();  // towards services
  Upstreams serving_;
  Upstreams leaving_;
  bool running_ = false;
  bool stopped_ = false;
};

}  // namespace inkfleet::gateway
