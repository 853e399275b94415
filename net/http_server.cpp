#include "net/http_server.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <list>
#include <set>
#include <stdexcept>
#include <tuple>

#include "net/address.hpp"
#include "net/http_connection.hpp"
#include "net/http_refusal.hpp"
#include "net/spawn.hpp"

namespace inkfleet::net {

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kAcceptPause = std::chrono::milliseconds(50);
constexpr auto kHearing = std::chrono::seconds(1);
constexpr std::size_t kMostHeard = 64;  // at a time
constexpr auto kDropTime = std::chrono::seconds(1);

}  // namespace

class HttpServer::State : public std::enable_shared_from_this<State> {
 public:
  State(asio::any_io_executor executor, HttpApp& app, ServerOptions options)
      : executor_(std::move(executor)), premises_{app, std::move(options), {}}, all_gone_(executor_) {}

  tcp::endpoint listen(const tcp::endpoint& address);
  asio::awaitable<void> accept_loop(std::shared_ptr<tcp::acceptor> acceptor);
  asio::awaitable<void> stop(std::chrono::milliseconds limit);
  void break_off();
  std::size_t connections() const { return connections_.size(); }
  void set_options(ServerOptions options) { premises_.options = std::move(options); }

 private:
  void receive(tcp::socket socket);
  void serve(tcp::socket socket, Visitor visitor);
  void refuse(tcp::socket socket, HttpResponse response);
  static asio::awaitable<void> hear_and_refuse(tcp::socket socket, std::string text);
  asio::awaitable<void> wait_until_all_gone(std::chrono::milliseconds limit);

  asio::any_io_executor executor_;
  Premises premises_;
  std::list<std::shared_ptr<tcp::acceptor>> acceptors_;
  std::set<std::shared_ptr<HttpConnection>> connections_;
  asio::steady_timer all_gone_;
  std::size_t hearing_ = 0;
  bool stopping_ = false;
};

tcp::endpoint HttpServer::State::listen(const tcp::endpoint& address) {
  auto acceptor = std::make_shared<tcp::acceptor>(executor_);
  try {
    acceptor->open(address.protocol());
    acceptor->set_option(tcp::acceptor::reuse_address(true));
    acceptor->bind(address);
    acceptor->listen();
  } catch (const boost::system::system_error& e) {
    throw std::runtime_error(
        fmt::format("cannot listen on {}: {}; choose another address or port with --listen",
                    to_string(address), e.code().message()));
  }
  acceptors_.push_back(acceptor);
  const auto bound = acceptor->local_endpoint();
  spawn(executor_, "listener " + to_string(bound), accept_loop(std::move(acceptor)), OnFailure::kEndProgram,
        [self = shared_from_this()] {});
  return bound;
}

asio::awaitable<void> HttpServer::State::accept_loop(std::shared_ptr<tcp::acceptor> acceptor) {
  beast::error_code last;
  while (!stopping_) {
    auto [error, socket] = co_await acceptor->async_accept(kAwait);
    if (stopping_) break;
    const bool is_news = error != std::exchange(last, error);
    if (!error) {
      receive(std::move(socket));
      continue;
    }
    // Out of descriptors or memory, or the client gave up: the listener must outlive them all.
    if (is_news) spdlog::warn("accept: {}", error.message());
    asio::steady_timer pause(executor_, kAcceptPause);
    co_await pause.async_wait(kAwait);
  }
}

void HttpServer::State::receive(tcp::socket socket) {
  beast::error_code dead;
  const auto peer = unmapped(socket.remote_endpoint(dead).address());
  if (dead) return;
  const auto& options = premises_.options;
  auto place = premises_.place_for(peer);
  if (!place) return refuse(std::move(socket), too_many_connections(options.per_address));
  const bool is_full = connections_.size() >= options.connections;
  if (connections_.size() >= options.connections + proto::limits::kSpareConnections) {
    return refuse(std::move(socket), server_is_full());
  }
  serve(std::move(socket), {peer, std::move(*place), is_full});
}

void HttpServer::State::serve(tcp::socket socket, Visitor visitor) {
  beast::error_code ignored;  // a socket that is already dead fails at its first read
  socket.set_option(tcp::no_delay(true), ignored);
  const auto make = premises_.options.tls ? make_https_connection : make_http_connection;
  auto connection = make(std::move(socket), premises_, std::move(visitor));
  connections_.insert(connection);
  spawn(executor_, "connection", connection->run(), OnFailure::kEndTask,
        [self = shared_from_this(), connection] {
          self->connections_.erase(connection);
          if (self->connections_.empty()) self->all_gone_.cancel();
        });
}

/// Says no. Some are heard first, for a moment: many clients take no answer before they have asked, and
/// closing with input unread would reset the connection before the answer is seen. Who comes in a flood holds
/// nothing.
void HttpServer::State::refuse(tcp::socket socket, HttpResponse response) {
  premises_.app.on_refused(response.result());
  if (premises_.options.tls) return;
  auto text = last_words(std::move(response));
  if (hearing_ == kMostHeard) {
    beast::error_code error;
    socket.non_blocking(true, error);
    socket.write_some(asio::buffer(text), error);
    return;
  }
  ++hearing_;
  spawn(executor_, "refused connection", hear_and_refuse(std::move(socket), std::move(text)),
        OnFailure::kEndTask, [self = shared_from_this()] { --self->hearing_; });
}

asio::awaitable<void> HttpServer::State::hear_and_refuse(tcp::socket socket, std::string text) {
  beast::tcp_stream stream(std::move(socket));
  stream.expires_after(kHearing);
  std::array<char, 1024> asked;
  const auto [deaf, size] = co_await stream.async_read_some(asio::buffer(asked), kAwait);
  if (deaf) co_return;
  auto [error, written] = co_await stream.async_write_some(asio::buffer(text), kAwait);
  stream.socket().shutdown(tcp::socket::shutdown_send, error);
  while (!error) std::tie(error, std::ignore) = co_await stream.async_read_some(asio::buffer(asked), kAwait);
}

asio::awaitable<void> HttpServer::State::stop(std::chrono::milliseconds limit) {
  const auto self = shared_from_this();
  stopping_ = true;
  for (const auto& acceptor : acceptors_) acceptor->close();
  acceptors_.clear();
  for (const auto& connection : connections_) connection->go_away();
  co_await wait_until_all_gone(limit);
  break_off();
  co_await wait_until_all_gone(kDropTime);
}

asio::awaitable<void> HttpServer::State::wait_until_all_gone(std::chrono::milliseconds limit) {
  if (connections_.empty()) co_return;
  all_gone_.expires_after(limit);
  co_await all_gone_.async_wait(kAwait);
}

void HttpServer::State::break_off() {
  stopping_ = true;
  for (const auto& acceptor : acceptors_) acceptor->close();
  for (const auto& connection : connections_) connection->drop();
}

HttpServer::HttpServer(asio::any_io_executor executor, HttpApp& app, ServerOptions options)
    : state_(std::make_shared<State>(std::move(executor), app, std::move(options))) {}

HttpServer::~HttpServer() {
  state_->break_off();
}

tcp::endpoint HttpServer::listen(const tcp::endpoint& address) {
  return state_->listen(address);
}

asio::awaitable<void> HttpServer::stop(std::chrono::milliseconds limit) {
  return state_->stop(limit);
}

void HttpServer::set_options(ServerOptions options) {
  state_->set_options(std::move(options));
}

std::size_t HttpServer::connections() const {
  return state_->connections();
}

}  // namespace inkfleet::net
