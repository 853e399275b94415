#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model-service/service/service_state.hpp"
#include "net/websocket.hpp"

namespace inkfleet::service {

/// One connection to a model service: turns frames into orders for the engine and back. I/O thread only.
class Session : public net::WebSocketSession, private FrameReceiver {
 public:
  Session(std::shared_ptr<net::WebSocketPeer> peer, ServiceState& state);

  void on_text(std::string_view text) override;
  void on_binary() override;
  void on_closed() override;

 private:
  void on_frame(engine::RequestKey key, proto::ServerFrame frame) override;

  void handle(proto::Suggest& suggest);
  void handle(const proto::Cancel& cancel);
  void handle(const proto::Prefill& prefill);
  void handle(const proto::Accept& accept);

  std::optional<proto::Error> not_serving() const;
  std::optional<proto::Error> refusal(const proto::Suggest& suggest) const;
  std::optional<proto::Error> overload(const proto::Suggest& suggest) const;
  void supersede(const std::string& document);
  void drop_prefill(const std::string& document);
  void submit(proto::Suggest suggest);
  void refuse(const proto::Suggest& suggest, proto::Error error);
  void end_request(const std::string& id);
  void spell(proto::ServerFrame& frame);
  void log(const proto::ServerFrame& frame) const;

  struct Live {
    engine::RequestKey key;
    std::optional<std::string> document;
    std::optional<std::string> prompt;  ///< what its ids spell, if it came as ids
    std::optional<std::string> traceparent;
  };
  struct Completed {
    std::string id;
    engine::RequestKey key;
  };

  std::shared_ptr<net::WebSocketPeer> peer_;
  ServiceState& state_;
  std::string client_;                                            // of requests that name none
  std::unordered_map<std::string, Live> live_;                    // by request id
  std::unordered_map<std::string, std::string> documents_;        // the live request of each document
  std::unordered_map<std::string, engine::RequestKey> prefills_;  // the live one of each document
  std::deque<Completed> completed_;                               // that `accept` may name; oldest first
};

}  // namespace inkfleet::service
