#include "model-service/service/service_app.hpp"

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "model-service/service/session.hpp"

namespace inkfleet::service {

namespace http = boost::beast::http;

ServiceApp::ServiceApp(ServiceState& state, const health::Prober& prober, net::Metrics& metrics,
                       ServiceMetrics& service_metrics)
    : state_(state),
      prober_(prober),
      metrics_(metrics),
      service_metrics_(service_metrics),
      door_("/" + state.name) {}

boost::asio::awaitable<net::HttpResponse> ServiceApp::handle(const net::HttpRequest& request,
                                                             const boost::asio::ip::address& client) {
  co_return answer(request, client);
}

net::HttpResponse ServiceApp::answer(const net::HttpRequest& request,
                                     const boost::asio::ip::address& client) {
  const auto path = net::path_of(request);
  if (!net::is_get(request)) return net::method_not_allowed("GET, HEAD");
  if (path == "/livez") return net::health_response({});
  if (path == "/healthz" || path == door_ + "/healthz") return net::health_response(healthy());
  if (path == "/readyz" || path == door_ + "/readyz") return net::health_response(ready());
  if (path == "/metrics") {
    if (state_.served) service_metrics_.set_load(state_.served->engine->load());
    return metrics_.answer(client, false);
  }
  if (path == door_ || path == door_ + "/") {
    return net::error_response(http::status::upgrade_required, "bad_request",
                               "this is a WebSocket door: connect to ws://HOST" + door_);
  }
  return unknown_path(path);
}

std::variant<net::SessionFactory, net::HttpResponse> ServiceApp::upgrade(const net::HttpRequest& request,
                                                                         const boost::asio::ip::address&) {
  const auto path = net::path_of(request);
  if (path != door_ && path != door_ + "/") return unknown_path(path);
  return net::SessionFactory([&state = state_](std::shared_ptr<net::WebSocketPeer> peer) {
    return std::make_unique<Session>(std::move(peer), state);
  });
}

net::Health ServiceApp::healthy() const {
  health::Observations observations{.last_probe = prober_.last_answer()};
  if (state_.served) {
    const auto heartbeat = state_.served->engine->heartbeat();
    observations.engine_busy = heartbeat.busy;
    observations.last_step = heartbeat.last_beat;
  }
  const auto verdict = health::judge(observations, {}, std::chrono::steady_clock::now());
  return {.ok = verdict.healthy, .check = verdict.failed_check, .detail = verdict.detail};
}

net::Health ServiceApp::ready() const {
  if (!state_.served) return {.ok = false, .check = "loading", .detail = "the model is still loading"};
  if (state_.draining) return {.ok = false, .check = "draining", .detail = "this service is going away"};
  return healthy();
}

net::HttpResponse ServiceApp::unknown_path(std::string_view path) const {
  return net::json_response(
      http::status::not_found,
      {{"error", {{"code", "unknown_model"}, {"message", "no model is served at " + std::string(path)}}},
       {"suffixes", {door_}}});
}

}  // namespace inkfleet::service
