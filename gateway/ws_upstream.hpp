#pragma once

#include <string>

#include "gateway/gateway_metrics.hpp"
#include "gateway/relay.hpp"
#include "gateway/upstream.hpp"
#include "net/ws_client.hpp"

namespace inkfleet::gateway {

/// A service at the other end of a WebSocket that is kept connected.
class WsUpstream : public Upstream, private net::WsClientEvents {
 public:
  WsUpstream(net::asio::any_io_executor executor, const std::string& model, const net::WebSocketUrl& url,
             Relay& relay, GatewayMetrics& metrics);

  void start() { client_.start(); }
  void stop() { client_.stop(); }

  bool connected() const override { return client_.is_open(); }
  void send(const proto::ClientFrame& frame) override;
  const std::string& name() const override { return name_; }

 private:
  void on_open() override;
  void on_text(std::string_view text) override;
  void on_closed() override;

  std::string model_;
  std::string name_;
  Relay& relay_;
  GatewayMetrics& metrics_;
  net::WsClient client_;
};

}  // namespace inkfleet::gateway
