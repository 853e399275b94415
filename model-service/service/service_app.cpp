#include "model-service/service/service_app.hpp"

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "model-service/faults/faults_door.hpp"
#include "model-service/faults/faulty_peer.hpp"
#include "model-service/service/session.hpp"
#include "net/logged_session.hpp"

namespace inkfleet::service {

namespace http = boost::beast::http;

ServiceApp::ServiceApp(ServiceState& state, const ServiceHealth& health, net::Metrics& metrics,
                       ServiceMetrics& service_metrics, ServiceAppOptions options)
    : state_(state),
      health_(health),
      metrics_(metrics),
      service_metrics_(service_metrics),
      options_(std::move(options)),
      door_("/" + state.name) {}

boost::asio::awaitable<net::HttpResponse> ServiceApp::handle(const net::HttpRequest& request,
                                                             const boost::asio::ip::address& client) {
  co_return answer(request, client);
}

net::HttpResponse ServiceApp::answer(const net::HttpRequest& request,
                                     const boost::asio::ip::address& client) {
  const auto path = net::path_of(request);
  if (!is_open(path)) {
    if (auto refused = refusal(request)) return std::move(*refused);
  }
  if (path == "/faults" && options_.faults != nullptr && !options_.admin_address) {
    return faults::answer_faults(*options_.faults, request, client);
  }
  if (!net::is_get(request)) return net::method_not_allowed("GET, HEAD");
  if (path == "/livez") return net::health_response({});
  if (path == "/healthz" || path == door_ + "/healthz") return net::health_response(healthy());
  if (path == "/readyz" || path == door_ + "/readyz") return net::health_response(ready());
  if (path == "/metrics" && !options_.admin_address) return answer_metrics(client, false);
  if (path == door_ || path == door_ + "/") {
    return net::error_response(http::status::upgrade_required, "bad_request",
                               "this is a WebSocket door: connect to ws://HOST" + door_);
  }
  return unknown_path(path);
}

/// What probes ask for needs no key. (/metrics has a rule of its own.)
bool ServiceApp::is_open(std::string_view path) const {
  if (path == "/livez" || path == "/metrics") return true;
  if (path.starts_with(door_ + "/")) path.remove_prefix(door_.size());
  return path == "/healthz" || path == "/readyz";
}

std::optional<net::HttpResponse> ServiceApp::refusal(const net::HttpRequest& request) const {
  if (auto refused = net::check_origin(options_.origins, request)) return refused;
  if (!options_.keys) return std::nullopt;
  auto checked = net::check_key(*options_.keys, request);
  auto* refused = std::get_if<net::HttpResponse>(&checked);
  return refused ? std::optional(std::move(*refused)) : std::nullopt;
}

net::HttpResponse ServiceApp::answer_admin(const net::HttpRequest& request,
                                           const boost::asio::ip::address& client) {
  const auto path = net::path_of(request);
  if (auto refused = net::check_origin(options_.origins, request)) return std::move(*refused);
  if (path == "/faults" && options_.faults != nullptr) {
    return faults::answer_faults(*options_.faults, request, client);
  }
  if (path != "/metrics") return net::error_response(http::status::not_found, "bad_request", "no such path");
  return net::is_get(request) ? answer_metrics(client, true) : net::method_not_allowed("GET, HEAD");
}

net::HttpResponse ServiceApp::answer_metrics(const boost::asio::ip::address& client, bool admin) {
  if (state_.served) service_metrics_.set_load(state_.served->engine->load(), options_.wait_limit);
  service_metrics_.set_health(health_.verdict());
  return metrics_.answer(client, admin);
}

std::variant<net::SessionFactory, net::HttpResponse> ServiceApp::upgrade(const net::HttpRequest& request,
                                                                         const boost::asio::ip::address&) {
  const auto path = net::path_of(request);
  if (auto refused = refusal(request)) return std::move(*refused);
  if (path != door_ && path != door_ + "/") return unknown_path(path);
  return net::SessionFactory(
      [this](std::shared_ptr<net::WebSocketPeer> peer) -> std::unique_ptr<net::WebSocketSession> {
        auto* const faults = options_.faults;
        if (faults != nullptr) peer = std::make_shared<faults::FaultyPeer>(std::move(peer), *faults);
        auto session = std::make_unique<Session>(std::move(peer), state_);
        if (options_.log_prompts) return net::logged(std::move(session));
        return session;
      });
}

net::Health ServiceApp::healthy() const {
  const auto verdict = health_.verdict();
  const auto* const failed = health::failed_check(verdict);
  if (failed == nullptr) return {};
  return {.ok = false, .check = std::string(failed->name), .detail = failed->failure};
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
