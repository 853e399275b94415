#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "net/http_app.hpp"
#include "net/responses.hpp"

/// A server's app that says what it was asked, for tests of the server itself.
namespace inkfleet::test {

/// What happened to the sessions of a server.
struct Seen {
  std::vector<std::string> texts;
  int binaries = 0;
  int opened = 0;
  int closed = 0;
  int destroyed = 0;
  std::shared_ptr<net::WebSocketPeer> peer;
};

/// Answers each text with itself; "close" closes, "throw" fails, "flood" sends far more than sockets buffer.
class EchoSession : public net::WebSocketSession {
 public:
  EchoSession(Seen& seen, std::shared_ptr<net::WebSocketPeer> peer) : seen_(seen), peer_(std::move(peer)) {
    ++seen_.opened;
    seen_.peer = peer_;
  }
  ~EchoSession() override { ++seen_.destroyed; }

  void on_text(std::string_view text) override {
    seen_.texts.emplace_back(text);
    if (text == "throw") throw std::logic_error("as asked");
    if (text == "flood") flood();
    peer_->send_latest("", std::string(text));
    if (text == "close") peer_->close(net::CloseCode::kPolicyViolation, "as asked");
  }
  void on_binary() override { ++seen_.binaries; }
  void on_closed() override { ++seen_.closed; }

 private:
  void flood() {
    for (int i = 0; i < 100; ++i) peer_->send_latest("", std::string(100'000, 'x'));
  }

  Seen& seen_;
  std::shared_ptr<net::WebSocketPeer> peer_;
};

class EchoApp : public net::HttpApp {
 public:
  explicit EchoApp(Seen& seen) : seen_(seen) {}

  net::asio::awaitable<net::HttpResponse> handle(const net::HttpRequest& request,
                                                 const net::asio::ip::address& client) override {
    if (request.target() == "/throw") throw std::logic_error("a secret");
    co_return net::text_response(net::http::status::ok, std::string(request.method_string()) + " " +
                                                            std::string(net::path_of(request)) + " " +
                                                            request.body() + " " + client.to_string());
  }
  std::variant<net::SessionFactory, net::HttpResponse> upgrade(const net::HttpRequest& request,
                                                               const net::asio::ip::address&) override {
    if (net::path_of(request) != "/ws")
      return net::error_response(net::http::status::not_found, "unknown_model", "no such model");
    return [this](std::shared_ptr<net::WebSocketPeer> peer) {
      return std::make_unique<EchoSession>(seen_, peer);
    };
  }

 private:
  Seen& seen_;
};

}  // namespace inkfleet::test
