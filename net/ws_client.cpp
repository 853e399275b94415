#include "net/ws_client.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/websocket.hpp>
#include <optional>
#include <vector>

#include "net/spawn.hpp"

namespace inkfleet::net {

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

}  // namespace

class WsClient::State : public std::enable_shared_from_this<State> {
 public:
  State(asio::any_io_executor executor, WebSocketUrl url, WsClientEvents& events, ClientOptions options)
      : executor_(std::move(executor)),
        url_(std::move(url)),
        events_(events),
        options_(std::move(options)),
        name_(options_.name.empty() ? url_.str() : options_.name),
        backoff_(options_.backoff),
        resolver_(executor_),
        pause_(executor_) {}

  void start() { spawn(executor_, name_, keep_connected(shared_from_this())); }
  void stop();
  void send(std::string text);
  bool is_open() const { return peer_ != nullptr; }

 private:
  class Session;

  /// Takes its own object along, so that it lives as long as this runs.
  asio::awaitable<void> keep_connected(std::shared_ptr<State> self);
  asio::awaitable<beast::error_code> connect();
  asio::awaitable<beast::error_code> find_addresses();
  asio::awaitable<void> converse();
  void note_failure(beast::error_code error);

  asio::any_io_executor executor_;
  WebSocketUrl url_;
  WsClientEvents& events_;
  ClientOptions options_;
  std::string name_;
  Backoff backoff_;
  tcp::resolver resolver_;
  std::vector<tcp::endpoint> addresses_;
  asio::steady_timer pause_;
  std::optional<TcpWsConnection::Stream> opening_;
  std::shared_ptr<WebSocketPeer> peer_;
  bool stopped_ = false;
  unsigned status_ = 0;  // of the answer that declined the last attempt
  bool failure_noted_ = false;
};

/// Hands what the connection brings to the owner.
class WsClient::State::Session : public WebSocketSession {
 public:
  explicit Session(State& client) : client_(client) {}

  void on_text(std::string_view text) override {
    if (!client_.stopped_) client_.events_.on_text(text);
  }
  void on_binary() override {}
  void on_closed() override {
    client_.peer_.reset();
    client_.events_.on_closed();
  }

 private:
  State& client_;
};

asio::awaitable<void> WsClient::State::keep_connected([[maybe_unused]] std::shared_ptr<State> self) {
  while (!stopped_) {
    const auto error = co_await connect();
    if (stopped_) break;
    if (error) {
      opening_.reset();
      note_failure(error);
    } else {
      co_await converse();
    }
    if (stopped_) break;
    pause_.expires_after(backoff_.pause());
    co_await pause_.async_wait(kAwait);
  }
  opening_.reset();
}

// An address in numbers does not go through the resolver: it has one thread, which a slow name would hold up.
asio::awaitable<beast::error_code> WsClient::State::find_addresses() {
  beast::error_code is_name;
  asio::ip::make_address(url_.host, is_name);
  if (!is_name) {
    addresses_ = {parse_endpoint(name_, url_.authority())};
    co_return beast::error_code{};
  }
  const auto [unresolved, found] = co_await resolver_.async_resolve(url_.host, url_.port, kAwait);
  addresses_.assign(found.begin(), found.end());
  co_return unresolved;
}

asio::awaitable<beast::error_code> WsClient::State::connect() {
  const auto unresolved = co_await find_addresses();
  if (unresolved || stopped_) co_return unresolved;

  status_ = 0;
  opening_.emplace(executor_);
  auto& socket = beast::get_lowest_layer(*opening_);
  socket.expires_after(options_.connection.handshake);
  const auto [unreachable, address] = co_await socket.async_connect(addresses_, kAwait);
  if (unreachable || stopped_) co_return unreachable;
  socket.expires_never();  // from here the WebSocket keeps the time
  socket.socket().set_option(tcp::no_delay(true));

  TcpWsConnection::configure(*opening_, options_.connection);
  opening_->set_option(websocket::stream_base::decorator([this](websocket::request_type& request) {
    request.set(http::field::user_agent, options_.user_agent);
    request.set(http::field::sec_websocket_protocol, "inkfleet.v1");
    if (options_.key && !options_.key->empty()) {
      request.set(http::field::authorization, "Bearer " + *options_.key);
    }
  }));
  const auto host = options_.host.empty() ? url_.authority() : options_.host;
  websocket::response_type response;
  const auto [refused] = co_await opening_->async_handshake(response, host, url_.path, kAwait);
  status_ = refused == websocket::error::upgrade_declined ? response.result_int() : 0;
  co_return refused;
}

asio::awaitable<void> WsClient::State::converse() {
  const auto connection = std::make_shared<TcpWsConnection>(std::move(*opening_), options_.connection);
  opening_.reset();
  peer_ = connection->peer();
  backoff_.reset();
  failure_noted_ = false;
  spdlog::info("{}: connected", name_);
  events_.on_open();
  co_await connection->run(std::make_unique<Session>(*this));
  if (!stopped_) spdlog::warn("{}: connection lost", name_);
}

void WsClient::State::note_failure(beast::error_code error) {
  const auto level = failure_noted_ ? spdlog::level::debug : spdlog::level::warn;
  const auto why = status_ == 0 ? error.message() : fmt::format("it answered {}", status_);
  spdlog::log(level, "{}: {}; trying again until it lets us in", name_, why);
  failure_noted_ = true;
}

void WsClient::State::stop() {
  if (stopped_) return;
  stopped_ = true;
  resolver_.cancel();
  pause_.cancel();
  if (opening_) beast::get_lowest_layer(*opening_).close();
  if (peer_) peer_->close(CloseCode::kGoingAway, "going away");
}

void WsClient::State::send(std::string text) {
  if (peer_) peer_->send_latest({}, std::move(text));
}

WsClient::WsClient(asio::any_io_executor executor, WebSocketUrl url, WsClientEvents& events,
                   ClientOptions options)
    : state_(std::make_shared<State>(std::move(executor), std::move(url), events, std::move(options))) {}

WsClient::~WsClient() {
  state_->stop();
}

void WsClient::start() {
  state_->start();
}
void WsClient::stop() {
  state_->stop();
}
void WsClient::send(std::string text) {
  state_->send(std::move(text));
}
bool WsClient::is_open() const {
  return state_->is_open();
}

}  // namespace inkfleet::net
