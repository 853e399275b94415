#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gateway/relay.hpp"
#include "net/websocket.hpp"

namespace inkfleet::gateway {

/// A service that answers only what a test says.
class FakeUpstream : public Upstream {
 public:
  explicit FakeUpstream(std::string name = "ws://fake") : name_(std::move(name)) {}

  bool connected() const override { return up; }
  void send(const proto::ClientFrame& frame) override { sent.push_back(frame); }
  const std::string& name() const override { return name_; }

  /// The frames of one type that were sent to it, oldest first.
  template <class Frame>
  std::vector<Frame> all() const {
    std::vector<Frame> found;
    for (const auto& frame : sent) {
      if (const auto* match = std::get_if<Frame>(&frame)) found.push_back(*match);
    }
    return found;
  }
  proto::Suggest last_suggest() const { return all<proto::Suggest>().back(); }

  bool up = true;
  std::vector<proto::ClientFrame> sent;

 private:
  std::string name_;
};

/// Counts what the relay reports.
struct CountingObserver : RelayObserver {
  void on_request_begun(const std::string&, Door) override { ++begun; }
  void on_request_moved(const std::string&, std::string_view why) override { ++moves[std::string(why)]; }
  void on_first_text(const std::string&, Clock::duration) override { ++first_texts; }
  void on_request_ended(const std::string&, Door, std::string_view outcome) override {
    ++outcomes[std::string(outcome)];
  }
  int begun = 0;
  int first_texts = 0;
  std::map<std::string, int> outcomes;
  std::map<std::string, int> moves;
};

/// Keeps what a session answers.
class FakePeer : public net::WebSocketPeer {
 public:
  void send(proto::ServerFrame frame) override { frames.push_back(std::move(frame)); }
  void send_latest(std::string key, std::string text) override {
    keys.push_back(std::move(key));
    texts.push_back(std::move(text));
  }
  void close(net::CloseCode code, std::string_view) override { closed = code; }

  template <class Frame>
  std::vector<Frame> all() const {
    std::vector<Frame> found;
    for (const auto& frame : frames) {
      if (const auto* match = std::get_if<Frame>(&frame)) found.push_back(*match);
    }
    return found;
  }

  std::vector<proto::ServerFrame> frames;
  std::vector<std::string> keys;
  std::vector<std::string> texts;
  std::optional<net::CloseCode> closed;
};

/// The time of a test, which moves only when told to.
inline Clock::time_point at(std::chrono::milliseconds since_start) {
  return Clock::time_point(since_start);
}

}  // namespace inkfleet::gateway
