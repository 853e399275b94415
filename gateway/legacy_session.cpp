#include "gateway/legacy_session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gateway/text_cleaner.hpp"
#include "proto/json.hpp"

namespace inkfleet::gateway {

namespace {

constexpr const char* kInvalid = "Invalid Data Was Passed";
constexpr const char* kFailed = "An Error Occurred";

/// {"message": {"prompt": ..., "text_0": ..., ...}}
std::string message_of(const std::string& prompt, const std::vector<std::string>& texts) {
  proto::Json message{{"prompt", prompt}};
  for (std::size_t i = 0; i < texts.size(); ++i) message[fmt::format("text_{}", i)] = texts[i];
  return proto::dump_json({{"message", std::move(message)}});
}

proto::Suggest suggest_of(const LegacyRequest& request, std::uint64_t session, std::uint64_t number) {
  return {.id = std::to_string(number),
          .prompt = request.prompt,
          .document = fmt::format("l{}", session),
          .n = request.batch_size,
          .max_tokens = request.length,
          .temperature = request.temperature,
          .top_k = request.top_k,
          .top_p = request.top_p};
}

}  // namespace

LegacySession::LegacySession(Relay& relay, const Router& router, std::uint64_t number,
                             std::function<Clock::time_point()> now)
    : relay_(relay), router_(router), number_(number), now_(std::move(now)) {}

bool LegacySession::join(const std::shared_ptr<net::WebSocketPeer>& socket) {
  if (sockets_.size() >= kSockets) return false;
  sockets_.push_back(socket);
  return true;
}

void LegacySession::leave(const std::shared_ptr<net::WebSocketPeer>& socket) {
  std::erase(sockets_, socket);
  if (sockets_.empty()) stop();
}

void LegacySession::on_message(std::string_view text) {
  auto message = parse_legacy(text, router_);
  if (auto* request = std::get_if<LegacyRequest>(&message)) {
    start(std::move(*request));
  } else if (std::holds_alternative<LegacyCancel>(message)) {
    stop();
  } else if (const auto* invalid = std::get_if<LegacyInvalid>(&message)) {
    for (const auto& socket : sockets_) socket->send_latest({}, message_of(invalid->prompt, {kInvalid}));
  }
}

void LegacySession::start(LegacyRequest request) {
  stop();
  const auto number = ++request_;
  running_ = true;
  prompt_ = request.prompt;
  raw_.assign(request.batch_size, "");
  ended_.assign(request.batch_size, false);
  shown_.clear();
  const auto ticket = relay_.start({.model = request.model,
                                    .door = Door::kLegacy,
                                    .suggest = suggest_of(request, number_, number),
                                    .answer = [this, number](const auto& frame) { on_frame(number, frame); }},
                                   now_());
  if (running_) ticket_ = ticket;  // it may have ended already
}

void LegacySession::stop() {
  if (std::exchange(running_, false)) relay_.abandon(ticket_);
}

void LegacySession::on_frame(std::uint64_t request, const proto::ServerFrame& frame) {
  if (request != request_ || !running_) return;
  const auto is_ours = [this](int index) {
    return index >= 0 && static_cast<std::size_t>(index) < raw_.size();
  };
  if (const auto* delta = std::get_if<proto::Delta>(&frame); delta && is_ours(delta->index)) {
    raw_[delta->index] += delta->text;
    show(false);
  } else if (const auto* finished = std::get_if<proto::Finished>(&frame);
             finished && is_ours(finished->index)) {
    ended_[finished->index] = finished->reason != proto::FinishReason::kFailed;
    show(false);
  } else if (std::holds_alternative<proto::Completed>(frame)) {
    running_ = false;
    show(true);
  } else if (std::holds_alternative<proto::Error>(frame)) {
    running_ = false;
    say(prompt_, {kFailed});
  }
}

void LegacySession::show(bool final) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < raw_.size(); ++i) texts.push_back(clean_text(raw_[i], !ended_[i] && !final));
  const bool is_news = shown_.empty()
                           ? std::ranges::any_of(texts, [](const auto& text) { return !text.empty(); })
                           : texts != shown_;
  if (!is_news && !(final && shown_.empty())) return;
  say(prompt_, texts);
  shown_ = std::move(texts);
}

/// Under a key of the request: a newer text of it replaces one that still waits for a slow socket.
void LegacySession::say(const std::string& prompt, const std::vector<std::string>& texts) {
  const auto text = message_of(prompt, texts);
  const auto key = fmt::format("r{}", request_);
  for (const auto& socket : sockets_) socket->send_latest(key, text);
}

/// One socket; the session lives as long as one of its sockets does.
class LegacySessions::Socket : public net::WebSocketSession {
 public:
  Socket(LegacySessions& sessions, std::string name, std::shared_ptr<LegacySession> session,
         std::shared_ptr<net::WebSocketPeer> peer)
      : sessions_(sessions), name_(std::move(name)), session_(std::move(session)), peer_(std::move(peer)) {
    // Two sockets may have asked for the last place at once: has_room() was true for both.
    joined_ = session_->join(peer_);
    if (!joined_) peer_->close(net::CloseCode::kTryAgainLater, "too many sockets of this session");
  }

  void on_text(std::string_view text) override {
    if (joined_) session_->on_message(text);
  }
  void on_binary() override {}
  void on_closed() override {
    if (joined_) session_->leave(peer_);
    if (session_->empty()) sessions_.by_name_.erase(name_);
  }

 private:
  LegacySessions& sessions_;
  std::string name_;
  std::shared_ptr<LegacySession> session_;
  std::shared_ptr<net::WebSocketPeer> peer_;
  bool joined_ = false;
};

LegacySessions::LegacySessions(Relay& relay, const Router& router, std::function<Clock::time_point()> now)
    : relay_(relay), router_(router), now_(std::move(now)) {}

bool LegacySessions::has_room(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() || found->second->size() < LegacySession::kSockets;
}

std::unique_ptr<net::WebSocketSession> LegacySessions::open(const std::string& name,
                                                            std::shared_ptr<net::WebSocketPeer> peer) {
  auto& session = by_name_[name];
  if (!session) session = std::make_shared<LegacySession>(relay_, router_, ++last_number_, now_);
  return std::make_unique<Socket>(*this, name, session, std::move(peer));
}

void LegacyTestSession::on_text(std::string_view text) {
  static const std::vector<std::string> kSentences{
      "The first sentence is always the same.", "The second one is no different from it.",
      "The third says that the socket works.", "The fourth and last ends the answer."};
  const auto parsed = proto::parse_json(text);
  const auto* message = std::get_if<proto::Json>(&parsed);
  if (!message || !message->is_object() || !message->contains("prompt")) return;
  const auto& prompt = (*message)["prompt"];
  if (prompt.is_string()) peer_->send_latest({}, message_of(prompt.get<std::string>(), kSentences));
}

}  // namespace inkfleet::gateway
