#pragma once

#include <gtest/gtest.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/http_server.hpp"
#include "net/responses.hpp"
#include "proto/parse.hpp"
#include "tests/integration/loopback.hpp"

namespace inkfleet::test {

/// A model service whose every answer a test gives by hand, behind a real server.
class FakeService : public net::HttpApp {
 public:
  explicit FakeService(boost::asio::io_context& io) : io_(io) {}

  /// Begins to serve; the port stays the same over a stop() and start().
  void start() {
    server_.emplace(io_.get_executor(), *this,
                    net::ServerOptions{.connection = {.frame_limit = proto::limits::kServiceFrameBytes}});
    address_ = server_->listen(address_ ? *address_ : any_port());
  }

  /// Begins to serve at an address of the test's choice.
  void start_at(const net::tcp::endpoint& address) {
    address_ = address;
    start();
  }

  net::tcp::endpoint address() const { return address_.value(); }

  /// Goes away like a process that is killed.
  void kill() {
    server_.reset();
    EXPECT_TRUE(run_until(io_, [this] { return !peer_; }));
  }

  net::WebSocketUrl url(const std::string& path) const {
    return {address_.value().address().to_string(), std::to_string(address_.value().port()), path};
  }

  bool connected() const { return peer_ != nullptr; }
  void send(proto::ServerFrame frame) { peer_->send(std::move(frame)); }

  /// Waits for the next frame of one type and takes it.
  template <class Frame>
  Frame expect() {
    std::optional<Frame> found;
    EXPECT_TRUE(run_until(io_, [&] {
      for (auto at = frames.begin(); at != frames.end() && !found; ++at) {
        if (auto* match = std::get_if<Frame>(&*at)) {
          found = std::move(*match);
          frames.erase(at);
          return true;
        }
      }
      return found.has_value();
    })) << "the service was not asked";
    return found.value_or(Frame{});
  }

  bool hung = false;                       // health probes get no answer while it is
  int probes = 0;                          // that came
  std::vector<proto::ClientFrame> frames;  // that came and were not yet expected

 private:
  class Session : public net::WebSocketSession {
   public:
    Session(FakeService& service, std::shared_ptr<net::WebSocketPeer> peer) : service_(service) {
      service_.peer_ = std::move(peer);
    }
    void on_text(std::string_view text) override {
      auto frame = proto::parse_client_frame(text);
      ASSERT_TRUE(std::holds_alternative<proto::ClientFrame>(frame))
          << "the gateway sent what is no frame: " << text;
      service_.frames.push_back(std::get<proto::ClientFrame>(std::move(frame)));
    }
    void on_binary() override { ADD_FAILURE() << "the gateway sent a binary message"; }
    void on_closed() override { service_.peer_.reset(); }

   private:
    FakeService& service_;
  };

  net::asio::awaitable<net::HttpResponse> handle(const net::HttpRequest& request,
                                                 const net::asio::ip::address&) override {
    if (net::path_of(request) != "/healthz") co_return net::text_response(net::http::status::not_found, "");
    ++probes;
    while (hung) {
      boost::asio::steady_timer wait(io_, std::chrono::milliseconds(10));
      co_await wait.async_wait(boost::asio::use_awaitable);
    }
    co_return net::text_response(net::http::status::ok, "ok");
  }
  std::variant<net::SessionFactory, net::HttpResponse> upgrade(const net::HttpRequest&,
                                                               const net::asio::ip::address&) override {
    return
        [this](std::shared_ptr<net::WebSocketPeer> peer) { return std::make_unique<Session>(*this, peer); };
  }

  boost::asio::io_context& io_;
  std::optional<net::tcp::endpoint> address_;
  std::optional<net::HttpServer> server_;
  std::shared_ptr<net::WebSocketPeer> peer_;
};

}  // namespace inkfleet::test
