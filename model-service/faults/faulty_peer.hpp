#pragma once

#include <memory>
#include <utility>
#include <variant>

#include "model-service/faults/faults.hpp"
#include "net/websocket.hpp"

namespace inkfleet::faults {

/// The other end of a connection that breaks after a number of tokens. The faults must outlive it.
class FaultyPeer : public net::WebSocketPeer {
 public:
  FaultyPeer(std::shared_ptr<net::WebSocketPeer> peer, Faults& faults)
      : peer_(std::move(peer)), faults_(faults) {}

  void send(proto::ServerFrame frame) override {
    const auto* const delta = std::get_if<proto::Delta>(&frame);
    const bool last = delta != nullptr && faults_.breaks_connection(static_cast<int>(delta->tokens.size()));
    if (last) return peer_->drop();
    peer_->send(std::move(frame));
  }
  void send_latest(std::string key, std::string text) override {
    peer_->send_latest(std::move(key), std::move(text));
  }
  void close(net::CloseCode code, std::string_view reason) override { peer_->close(code, reason); }
  void drop() override { peer_->drop(); }

 private:
  std::shared_ptr<net::WebSocketPeer> peer_;
  Faults& faults_;
};

}  // namespace inkfleet::faults
