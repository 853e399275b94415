#include "gateway/upstream_pool.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <iterator>
#include <utility>

#include "net/spawn.hpp"

namespace inkfleet::gateway {

namespace asio = net::asio;

namespace {

using Upstreams = std::vector<std::unique_ptr<WsUpstream>>;

/// Takes the upstream to this service out of the list; null if it is not there.
std::unique_ptr<WsUpstream> take(Upstreams& from, const ServiceAddress& service) {
  const auto found = std::ranges::find_if(from, [&](const auto& upstream) {
    return upstream->model() == service.model && upstream->name() == service.name() && !upstream->stopped();
  });
  if (found == from.end()) return nullptr;
  auto upstream = std::move(*found);
  from.erase(found);
  return upstream;
}

}  // namespace

UpstreamPool::UpstreamPool(asio::any_io_executor executor, Relay& relay, GatewayMetrics& metrics,
                           std::unique_ptr<Resolver> resolver)
    : executor_(std::move(executor)),
      relay_(relay),
      metrics_(metrics),
      resolver_(std::move(resolver)),
      pause_(executor_) {}

void UpstreamPool::apply(const Config& config) {
  resolve_every_ = config.resolve;
  probes_ = config.probes;
  frame_limit_ = config.service_frame_bytes;
  *key_ = config.upstream_key;
  for (const auto* upstreams : {&serving_, &leaving_}) {
    for (const auto& upstream : *upstreams) upstream->set_probes(probes_);
  }
  set_models(config.routes);
  change(membership_.set_routes(config.routes));
  pause_.cancel();  // there may be names to look up
}

void UpstreamPool::set_models(const std::vector<Route>& routes) {
  std::set<std::string> models;
  for (const auto& route : routes) models.insert(route.name);
  for (const auto& model : models_) {
    if (!models.contains(model)) relay_.retire(model);
  }
  for (const auto& model : models) relay_.restore(model);
  models_ = std::move(models);
}

void UpstreamPool::start() {
  running_ = true;
  for (const auto& upstream : serving_) upstream->start();
  net::spawn(executor_, "resolver", keep_resolving(), net::OnFailure::kEndProgram);
}

void UpstreamPool::stop() {
  stopped_ = true;
  pause_.cancel();
  resolver_->cancel();
  for (const auto* upstreams : {&serving_, &leaving_}) {
    for (const auto& upstream : *upstreams) upstream->stop();
  }
}

void UpstreamPool::tick() {
  for (const auto& upstream : leaving_) {
    if (relay_.outstanding(*upstream) == 0) upstream->stop();
  }
  std::erase_if(leaving_, [](const auto& upstream) { return upstream->stopped() && !upstream->connected(); });
}

void UpstreamPool::change(const Membership::Change& change) {
  for (const auto& service : change.added) add(service);
  for (const auto& service : change.removed) remove(service);
}

void UpstreamPool::add(const ServiceAddress& service) {
  spdlog::info("{}: serves {}", service.name(), service.model);
  auto upstream = take(leaving_, service);  // back before it had left
  const bool is_new = !upstream;
  if (is_new) {
    upstream = std::make_unique<WsUpstream>(executor_, service, probes_, client_options(), relay_, metrics_);
  }
  relay_.add_upstream(service.model, *upstream);
  if (is_new && running_ && !stopped_) upstream->start();
  serving_.push_back(std::move(upstream));
}

net::ClientOptions UpstreamPool::client_options() const {
  net::ClientOptions options{.user_agent = "inkfleet-gateway", .key = key_};
  options.connection.frame_limit = frame_limit_;
  return options;
}

void UpstreamPool::remove(const ServiceAddress& service) {
  auto upstream = take(serving_, service);
  if (!upstream) return;
  spdlog::info("{}: serves {} no more; {} requests of it are running", service.name(), service.model,
               relay_.outstanding(*upstream));
  relay_.remove_upstream(service.model, *upstream);
  leaving_.push_back(std::move(upstream));
}

asio::awaitable<void> UpstreamPool::keep_resolving() {
  while (!stopped_) {
    const auto names = membership_.names();
    for (const auto& name : names) co_await resolve(name);
    if (stopped_) break;
    pause_.expires_at(next_look_up());
    co_await pause_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

asio::awaitable<void> UpstreamPool::resolve(std::string host) {
  if (stopped_) co_return;
  const auto addresses = co_await resolver_->resolve(host);
  if (stopped_) co_return;
  if (addresses) {
    unresolved_.erase(host);
    change(membership_.set_addresses(host, *addresses));
  } else if (unresolved_.insert(host).second) {
    spdlog::warn("{}: cannot be resolved: {}; what was known of it stays", host, addresses.error().message());
  }
}

Clock::time_point UpstreamPool::next_look_up() const {
  if (membership_.incomplete()) return Clock::now() + kRetryResolve;
  if (resolve_every_.count() == 0 || membership_.names().empty()) return Clock::time_point::max();
  return Clock::now() + resolve_every_;
}

}  // namespace inkfleet::gateway
