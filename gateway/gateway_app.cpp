#include "gateway/gateway_app.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "gateway/editor_session.hpp"
#include "gateway/legacy_path.hpp"
#include "gateway/openai_error.hpp"
#include "net/logged_session.hpp"
#include "net/responses.hpp"
#include "net/spawn.hpp"

namespace inkfleet::gateway {

namespace asio = net::asio;
namespace http = net::http;
using net::HttpRequest;
using net::HttpResponse;
using net::SessionFactory;

namespace {

constexpr std::chrono::milliseconds kTick{100};

bool is_health(std::string_view path) {
  return path == "/healthz" || path == "/readyz" || path == "/livez";
}

/// Tells of a session's end; the session itself knows nothing of counting.
class CountedSession : public net::WebSocketSession {
 public:
  CountedSession(std::unique_ptr<net::WebSocketSession> session, GatewayMetrics& counts, Door door)
      : session_(std::move(session)), counts_(counts), door_(door) {
    counts_.on_connection(door_, 1);
  }

  void on_text(std::string_view text) override { session_->on_text(text); }
  void on_binary() override { session_->on_binary(); }
  void on_closed() override {
    session_->on_closed();
    counts_.on_connection(door_, -1);
  }
  void on_write(std::chrono::steady_clock::duration since) override { counts_.on_frame_forwarded(since); }

 private:
  std::unique_ptr<net::WebSocketSession> session_;
  GatewayMetrics& counts_;
  Door door_;
};

}  // namespace

GatewayApp::GatewayApp(asio::any_io_executor executor, const Config& config, net::Metrics& metrics,
                       std::unique_ptr<Resolver> resolver)
    : executor_(std::move(executor)),
      router_(config.routes),
      access_(config),
      page_(config.page),
      metrics_(metrics),
      counts_(metrics),
      relay_(counts_),
      pool_(executor_, relay_, counts_,
            resolver ? std::move(resolver) : std::make_unique<SystemResolver>(executor_)),
      answers_(relay_),
      legacy_(answers_, router_),
      openai_(relay_, router_),
      tick_(std::make_unique<asio::steady_timer>(executor_)),
      live_requests_(config.live_requests),
      log_prompts_(config.log_prompts),
      admin_elsewhere_(!config.admin_listen.empty()) {
  relay_.limit_callers(config.live_requests_per_caller);
  relay_.limit_frames(config.service_frame_bytes);
  pool_.apply(config);
}

void GatewayApp::start() {
  pool_.start();
  net::spawn(executor_, "ticks", keep_ticking(), net::OnFailure::kEndProgram);
}

void GatewayApp::reload(const Config& config) {
  router_ = Router(config.routes);
  access_ = Access(config);
  page_ = config.page;
  live_requests_ = config.live_requests;
  log_prompts_ = config.log_prompts;
  relay_.limit_callers(config.live_requests_per_caller);
  relay_.limit_frames(config.service_frame_bytes);
  pool_.apply(config);
}

void GatewayApp::stop() {
  stopped_ = true;
  tick_->cancel();
  pool_.stop();
}

asio::awaitable<void> GatewayApp::keep_ticking() {
  while (!stopped_) {
    tick_->expires_after(kTick);
    co_await tick_->async_wait(asio::as_tuple(asio::use_awaitable));
    relay_.tick(Clock::now());
    pool_.tick();
  }
}

asio::awaitable<HttpResponse> GatewayApp::handle(const HttpRequest& request,
                                                 const asio::ip::address& client) {
  const auto path = net::path_of(request);
  if (!is_open(path)) {
    auto admitted = access_.admit(request, client);
    if (auto* refused = std::get_if<HttpResponse>(&admitted)) co_return refuse(std::move(*refused));
  }
  auto response = page_ && page_->has(path) ? page_->answer(request) : answer(path, client);
  const bool said_no =
      response.result() == http::status::not_found || response.result() == http::status::method_not_allowed;
  if (!net::is_get(request) && !said_no) co_return net::method_not_allowed("GET");
  co_return response;
}

std::optional<net::AnswerFactory> GatewayApp::answer_over_time(const HttpRequest& request,
                                                               const asio::ip::address& client) {
  const bool is_ours = net::path_of(request) == OpenAiDoor::kCompletions;
  if (!is_ours || request.method() != http::verb::post) return std::nullopt;
  if (draining_) return net::ready_answer(openai_refusal({proto::ErrorCode::kUnavailable, "stopping"}));
  auto admitted = access_.admit(request, client);
  if (auto* refused = std::get_if<HttpResponse>(&admitted)) {
    return net::ready_answer(refuse(std::move(*refused)));
  }
  auto answer = openai_.complete(request.body(), std::get<Caller>(std::move(admitted)));
  if (auto* accepted = std::get_if<net::AnswerFactory>(&answer)) return std::move(*accepted);
  return net::ready_answer(refuse(std::get<HttpResponse>(std::move(answer))));
}

/// What probes and people ask for needs no key. (/metrics has a rule of its own.)
bool GatewayApp::is_open(std::string_view path) const {
  if (path == "/" || path == "/metrics" || is_health(path)) return true;
  if (page_ && page_->has(path)) return true;
  const auto target = router_.target_of(path);
  return target && is_health(target->rest);
}

HttpResponse GatewayApp::refuse(HttpResponse response) {
  on_refused(response.result());
  return response;
}

void GatewayApp::on_refused(http::status status) {
  counts_.on_refused(static_cast<unsigned>(status));
}

HttpResponse GatewayApp::answer(std::string_view path, const asio::ip::address& client) const {
  if (path == "/") return missing_page();
  if (path == "/healthz" || path == "/livez") return net::health_response({});
  if (path == "/readyz") return readiness();
  if (auto response = openai_.answer(path)) return *std::move(response);
  if (path == "/metrics" && !admin_elsewhere_) return metrics_.answer(client, false);
  if (const auto target = router_.target_of(path)) return answer_model(*target, path);
  if (parse_legacy_path(path)) {
    return net::error_response(http::status::upgrade_required, "bad_request", "this path is a WebSocket");
  }
  return unknown_path(path);
}

HttpResponse GatewayApp::readiness() const {
  return net::health_response(draining_ ? net::Health{false, "draining", "the gateway is stopping"}
                                        : net::Health{});
}

HttpResponse GatewayApp::answer_model(const Router::Target& target, std::string_view path) const {
  if (target.rest.empty()) {
    auto response = net::error_response(http::status::upgrade_required, "bad_request",
                                        "this path is a WebSocket that speaks inkfleet.v1; GET " +
                                            std::string("/") + target.model +
                                            "/readyz tells "
                                            "whether the model is served");
    response.set(http::field::upgrade, "websocket");
    return response;
  }
  if (target.rest == "/livez") return net::health_response({});
  if (target.rest != "/healthz" && target.rest != "/readyz") return unknown_path(path);
  if (relay_.serves(target.model)) return target.rest == "/readyz" ? readiness() : net::health_response({});
  return net::health_response({false, "upstream", "no service of " + target.model + " is connected"});
}

HttpResponse GatewayApp::unknown_path(std::string_view path) const {
  auto suffixes = nlohmann::json::array();
  for (const auto& model : router_.models()) suffixes.push_back("/" + model.name);
  const auto message = "nothing is served at " + std::string(path.substr(0, 100));
  return net::json_response(
      http::status::not_found,
      {{"error", {{"code", "unknown_model"}, {"message", message}}}, {"suffixes", std::move(suffixes)}});
}

std::variant<SessionFactory, HttpResponse> GatewayApp::upgrade(const HttpRequest& request,
                                                               const asio::ip::address& client) {
  const auto path = net::path_of(request);
  if (draining_) return net::error_response(http::status::service_unavailable, "unavailable", "stopping");
  const auto legacy = parse_legacy_path(path);
  auto admitted = legacy ? access_.admit_legacy(request, client) : access_.admit(request, client);
  if (auto* refused = std::get_if<HttpResponse>(&admitted)) return refuse(std::move(*refused));
  auto& caller = std::get<Caller>(admitted);
  if (!legacy) return upgrade_model(path, std::move(caller));
  if (!legacy->test) return upgrade_legacy(legacy->name, caller);
  return counted(Door::kLegacy,
                 [](auto peer) { return std::make_unique<LegacyTestSession>(std::move(peer)); });
}

GatewayApp::Decision GatewayApp::upgrade_model(std::string_view path, Caller caller) {
  const auto target = router_.target_of(path);
  if (!target || !target->rest.empty()) return unknown_path(path);
  return counted(Door::kProtocol, [this, model = target->model, caller = std::move(caller)](auto peer) {
    return std::make_unique<EditorSession>(relay_, model, caller, ++connections_, std::move(peer), Clock::now,
                                           live_requests_);
  });
}

GatewayApp::Decision GatewayApp::upgrade_legacy(const std::string& name, const Caller& caller) {
  if (!legacy_.has_room(name, caller)) {
    return refuse(net::overloaded_response(
        http::status::too_many_requests,
        "this session has " + std::to_string(LegacySession::kSockets) + " sockets, the limit"));
  }
  return counted(Door::kLegacy,
                 [this, name, caller](auto peer) { return legacy_.open(name, std::move(peer), caller); });
}

SessionFactory GatewayApp::counted(Door door, SessionFactory make) {
  return [this, door, make = std::move(make)](auto peer) -> std::unique_ptr<net::WebSocketSession> {
    auto session = std::make_unique<CountedSession>(make(std::move(peer)), counts_, door);
    if (log_prompts_) return net::logged(std::move(session));
    return session;
  };
}

}  // namespace inkfleet::gateway
