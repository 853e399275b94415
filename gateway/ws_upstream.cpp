#include "gateway/ws_upstream.hpp"

#include <spdlog/spdlog.h>

#include "proto/parse.hpp"
#include "proto/serialize.hpp"

namespace inkfleet::gateway {

WsUpstream::WsUpstream(net::asio::any_io_executor executor, const std::string& model,
                       const net::WebSocketUrl& url, Relay& relay, GatewayMetrics& metrics)
    : model_(model),
      name_(url.str()),
      relay_(relay),
      metrics_(metrics),
      client_(std::move(executor), url, *this, {.user_agent = "inkfleet-gateway"}) {
  metrics_.on_upstream(model_, name_, false);
}

void WsUpstream::send(const proto::ClientFrame& frame) {
  client_.send(proto::to_json(frame));
}

void WsUpstream::on_open() {
  metrics_.on_upstream(model_, name_, true);
  relay_.on_connected(*this, Clock::now());
}

void WsUpstream::on_text(std::string_view text) {
  const auto arrived = Clock::now();
  auto frame = proto::parse_server_frame(text);
  if (!frame) {
    spdlog::warn("{}: what it sent is no frame: {}", name_, text.substr(0, 80));
    return;
  }
  if (const auto* error = std::get_if<proto::Error>(&*frame); error && error->frame) {
    spdlog::debug("{}: an error about a {}: {}", name_, *error->frame, error->message);
  }
  relay_.on_frame(*this, std::move(*frame), arrived);
  metrics_.on_frame_relayed(Clock::now() - arrived);
}

void WsUpstream::on_closed() {
  metrics_.on_upstream(model_, name_, false);
  relay_.on_lost(*this, Clock::now());
}

}  // namespace inkfleet::gateway
