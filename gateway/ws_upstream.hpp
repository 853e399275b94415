#pragma once

#include <string>

#include "gateway/gateway_metrics.hpp"
#include "gateway/health_probe.hpp"
#include "gateway/membership.hpp"
#include "gateway/relay.hpp"
#include "gateway/upstream.hpp"
#include "net/ws_client.hpp"

namespace inkfleet::gateway {

/// A service at the other end of a WebSocket that is kept connected, and is probed from the first time it
/// was. Destroy it once it is stopped and not connected.
class WsUpstream : public Upstream, private net::WsClientEvents {
 public:
  /// Host and name in `options` are the service's.
  WsUpstream(const net::asio::any_io_executor& executor, const ServiceAddress& service, ProbeTimes probes,
             net::ClientOptions options, Relay& relay, GatewayMetrics& metrics);

  void start() { client_.start(); }
  void stop();
  bool stopped() const { return stopped_; }
  void set_probes(ProbeTimes probes) { probe_.set_times(probes); }

  bool connected() const override { return client_.is_open(); }
  void send(const proto::ClientFrame& frame) override;
  const std::string& name() const override { return name_; }
  const std::string& model() const { return model_; }

 private:
  void on_open() override;
  void on_text(std::string_view text) override;
  void on_closed() override;
  void on_probe(bool well);

  std::string model_;
  std::string name_;
  Relay& relay_;
  GatewayMetrics& metrics_;
  net::WsClient client_;
  HealthProbe probe_;
  bool stopped_ = false;
};

}  // namespace inkfleet::gateway
