#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/legacy_request.hpp"
#include "gateway/shared_answers.hpp"
#include "net/websocket.hpp"

namespace inkfleet::gateway {

/// One page of an existing editor: all sockets of one session name. Each receives every message.
class LegacySession {
 public:
  static constexpr std::size_t kSockets = 8;

  /// `number` is one no other session has; `caller` is who opened it.
  LegacySession(SharedAnswers& answers, const Router& router, std::uint64_t number, Caller caller,
                std::function<Clock::time_point()> now);

  /// False when kSockets have joined already.
  bool join(const std::shared_ptr<net::WebSocketPeer>& socket);

  /// The last one to leave stops what runs.
  void leave(const std::shared_ptr<net::WebSocketPeer>& socket);
  bool empty() const { return sockets_.empty(); }
  std::size_t size() const { return sockets_.size(); }

  void on_message(std::string_view text);

 private:
  void start(const LegacyRequest& request);
  void stop();
  void show(const LegacyAnswer& answer);
  void say(const std::string& prompt, const std::vector<std::string>& texts);

  SharedAnswers& answers_;
  const Router& router_;
  std::uint64_t number_;
  Caller caller_;
  std::function<Clock::time_point()> now_;
  std::vector<std::shared_ptr<net::WebSocketPeer>> sockets_;

  // The newest request; answers of older ones are not shown.
  std::uint64_t request_ = 0;
  SharedAnswers::Ticket ticket_ = 0;
  std::string prompt_;
  std::vector<std::string> shown_;  // as last sent; empty before the first message
};

/// The sessions that exist, by name. Each owner (Caller::owner) has names of its own.
class LegacySessions {
 public:
  LegacySessions(SharedAnswers& answers, const Router& router,
                 std::function<Clock::time_point()> now = Clock::now);

  /// Whether one more socket may join the session of this name.
  bool has_room(const std::string& name, const Caller& caller = {}) const;

  /// A socket's conversation as part of the session of its name.
  std::unique_ptr<net::WebSocketSession> open(const std::string& name,
                                              std::shared_ptr<net::WebSocketPeer> peer,
                                              const Caller& caller = {});

  std::size_t size() const { return by_name_.size(); }

 private:
  class Socket;
  using Name = std::pair<std::string, std::string>;  // owner, name

  SharedAnswers& answers_;
  const Router& router_;
  std::function<Clock::time_point()> now_;
  std::map<Name, std::shared_ptr<LegacySession>> by_name_;
  std::uint64_t last_number_ = 0;
};

/// The test twin: answers any JSON with a prompt at once, with four fixed sentences.
class LegacyTestSession : public net::WebSocketSession {
 public:
  explicit LegacyTestSession(std::shared_ptr<net::WebSocketPeer> peer) : peer_(std::move(peer)) {}

  void on_text(std::string_view text) override;
  void on_binary() override {}
  void on_closed() override {}

 private:
  std::shared_ptr<net::WebSocketPeer> peer_;
};

}  // namespace inkfleet::gateway
