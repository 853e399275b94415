#include "net/http_server.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>
#include <set>
#include <stdexcept>

#include "net/address.hpp"
#include "net/http_connection.hpp"
#include "net/spawn.hpp"

namespace inkfleet::net {

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr auto kAcceptPause = std::chrono::milliseconds(50);
constexpr auto kDropTime = std::chrono::seconds(1);

}  // namespace

class HttpServer::State : public std::enable_shared_from_this<State> {
 public:
  State(asio::any_io_executor executor, HttpApp& app, ServerOptions options)
      : executor_(std::move(executor)), app_(app), options_(options), all_gone_(executor_) {}

  tcp::endpoint listen(const tcp::endpoint& address);
  asio::awaitable<void> accept_loop(std::shared_ptr<tcp::acceptor> acceptor);
  asio::awaitable<void> stop(std::chrono::milliseconds limit);
  void break_off();
  std::size_t connections() const { return connections_.size(); }

 private:
  void serve(tcp::socket socket);
  asio::awaitable<void> wait_until_all_gone(std::chrono::milliseconds limit);

  asio::any_io_executor executor_;
  HttpApp& app_;
  ServerOptions options_;
  std::list<std::shared_ptr<tcp::acceptor>> acceptors_;
  std::set<std::shared_ptr<HttpConnection>> connections_;
  asio::steady_timer all_gone_;
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
  while (!stopping_) {
    auto [error, socket] = co_await acceptor->async_accept(kAwait);
    if (stopping_) break;
    if (!error) {
      serve(std::move(socket));
      continue;
    }
    // Out of descriptors or memory, or the client gave up: the listener must outlive them all.
    spdlog::warn("accept: {}", error.message());
    asio::steady_timer pause(executor_, kAcceptPause);
    co_await pause.async_wait(kAwait);
  }
}

void HttpServer::State::serve(tcp::socket socket) {
  auto connection = std::make_shared<HttpConnection>(std::move(socket), app_, options_);
  connections_.insert(connection);
  spawn(executor_, "connection", connection->run(), OnFailure::kEndTask,
        [self = shared_from_this(), connection] {
          self->connections_.erase(connection);
          if (self->connections_.empty()) self->all_gone_.cancel();
        });
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
    : state_(std::make_shared<State>(std::move(executor), app, options)) {}

HttpServer::~HttpServer() {
  state_->break_off();
}

tcp::endpoint HttpServer::listen(const tcp::endpoint& address) {
  return state_->listen(address);
}

asio::awaitable<void> HttpServer::stop(std::chrono::milliseconds limit) {
  return state_->stop(limit);
}

std::size_t HttpServer::connections() const {
  return state_->connections();
}

}  // namespace inkfleet::net
