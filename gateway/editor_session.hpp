#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/relay.hpp"
#include "net/websocket.hpp"
#include "proto/limits.hpp"

namespace inkfleet::gateway {

/// An editor that speaks the protocol, on the path of one model.
class EditorSession : public net::WebSocketSession {
 public:
  /// Asking again is worth it after this time when the editor has too many requests running.
  static constexpr std::chrono::milliseconds kRetryOverloaded{500};
  /// So many completed requests can still be accepted from.
  static constexpr std::size_t kRemembered = 32;

  /// `caller` asks. `connection` is a number no other connection has: it keeps documents of different editors
  /// apart. `live_requests` may run at once, and so many prefills wait; a request that supersedes another
  /// takes its place.
  EditorSession(Relay& relay, std::string model, Caller caller, std::uint64_t connection,
                std::shared_ptr<net::WebSocketPeer> peer, std::function<Clock::time_point()> now = Clock::now,
                std::size_t live_requests = proto::limits::kLiveRequestsPerEditor);

  void on_text(std::string_view text) override;
  void on_binary() override;
  void on_closed() override;

 private:
  struct Request {
    Relay::Ticket ticket = 0;
    std::optional<std::string> document;
    bool superseded = false;
  };
  struct Completed {
    std::string id;  // the editor's own
    Served served;
  };

  void handle(proto::Suggest suggest);
  void handle(const proto::Cancel& cancel);
  void handle(proto::Prefill prefill);
  void handle(const proto::Accept& accept);
  void refuse(proto::Error error);
  /// The request of the document that a newer one would supersede.
  Request* current(const std::string& document);
  void drop_prefill(const std::string& document);
  void remember(const std::string& id, Served served);
  void forward(const std::string& id, proto::ServerFrame frame);

  Relay& relay_;
  std::string model_;
  Caller caller_;
  std::uint64_t connection_;
  std::shared_ptr<net::WebSocketPeer> peer_;
  std::function<Clock::time_point()> now_;
  std::size_t live_requests_;
  std::map<std::string, Request> live_;            // by the editor's own id
  std::map<std::string, Relay::Ticket> prefills_;  // by document; some may be over
  std::deque<Completed> completed_;                // the oldest in front, no id twice
};

/// The name under which services know a document of one of the gateway's editors, at most
/// proto::limits::kDocumentBytes long.
std::string document_of(std::uint64_t connection, const std::string& document);

}  // namespace inkfleet::gateway
