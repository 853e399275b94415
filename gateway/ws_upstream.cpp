#include "gateway/ws_upstream.hpp"

#include <spdlog/spdlog.h>

#include <utility>

#include "proto/error_code.hpp"
#include "proto/parse.hpp"
#include "proto/serialize.hpp"

namespace inkfleet::gateway {

namespace {

net::WebSocketUrl url_of(const ServiceAddress& service) {
  return {service.address, service.url.port, service.url.path};
}

HealthProbe::Target target_of(const ServiceAddress& service) {
  return {.address = net::parse_endpoint(service.name(), url_of(service).authority()),
          .host = service.url.authority(),
          .name = service.name()};
}

net::ClientOptions options_for(const ServiceAddress& service, net::ClientOptions options) {
  options.host = service.url.authority();
  options.name = service.name();
  return options;
}

}  // namespace

WsUpstream::WsUpstream(const net::asio::any_io_executor& executor, const ServiceAddress& service,
                       ProbeTimes probes, net::ClientOptions options, Relay& relay, GatewayMetrics& metrics)
    : model_(service.model),
      name_(service.name()),
      relay_(relay),
      metrics_(metrics),
      client_(executor, url_of(service), *this, options_for(service, std::move(options))),
      probe_(executor, target_of(service), probes, [this](bool well) { on_probe(well); }) {
  metrics_.on_upstream(model_, name_, false);
}

void WsUpstream::stop() {
  if (std::exchange(stopped_, true)) return;
  probe_.stop();
  client_.stop();
  metrics_.on_upstream_gone(model_, name_);
}

void WsUpstream::send(const proto::ClientFrame& frame) {
  client_.send(proto::to_json(frame));
}

void WsUpstream::on_open() {
  metrics_.on_upstream(model_, name_, true);
  relay_.on_connected(*this, Clock::now());
  probe_.start();
}

void WsUpstream::on_text(std::string_view text) {
  const auto arrived = Clock::now();
  auto frame = proto::parse_server_frame(text);
  if (!frame) {
    spdlog::warn("{}: what it sent is no frame ({} bytes)", name_, text.size());
    return;
  }
  if (const auto* error = std::get_if<proto::Error>(&*frame); error && error->frame) {
    spdlog::debug("{}: an error about a {}: {}", name_, *error->frame, proto::name(error->code));
  }
  relay_.on_frame(*this, std::move(*frame), arrived);
  metrics_.on_frame_relayed(Clock::now() - arrived);
}

void WsUpstream::on_closed() {
  // Once stopped it is not on the books any more, where another one may already have its name.
  if (!stopped_) metrics_.on_upstream(model_, name_, false);
  relay_.on_lost(*this, Clock::now());
}

void WsUpstream::on_probe(bool well) {
  metrics_.on_probe(model_, name_, well);
  relay_.on_probe(*this, well);
}

}  // namespace inkfleet::gateway
