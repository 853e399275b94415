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

}  // namespace

LegacySession::LegacySession(SharedAnswers& answers, const Router& router, std::uint64_t number,
                             Caller caller, std::function<Clock::time_point()> now)
    : answers_(answers), router_(router), number_(number), caller_(std::move(caller)), now_(std::move(now)) {}

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
    start(*request);
  } else if (std::holds_alternative<LegacyCancel>(message)) {
    stop();
  } else if (const auto* invalid = std::get_if<LegacyInvalid>(&message)) {
    for (const auto& socket : sockets_) socket->send_latest({}, message_of(invalid->prompt, {kInvalid}));
  }
}

void LegacySession::start(const LegacyRequest& request) {
  stop();
  const auto number = ++request_;
  prompt_ = request.prompt;
  shown_.clear();
  const auto listen = [this, number](const LegacyAnswer& answer) {
    if (number == request_) show(answer);
  };
  const auto ticket = answers_.ask(request, caller_, fmt::format("l{}", number_), listen, now_());
  if (number == request_) ticket_ = ticket;
}

void LegacySession::stop() {
  ++request_;
  answers_.leave(std::exchange(ticket_, 0));
}

void LegacySession::show(const LegacyAnswer& answer) {
  if (answer.state == LegacyAnswer::State::kFailed) return say(prompt_, {kFailed});
  const bool final = answer.state == LegacyAnswer::State::kCompleted;
  std::vector<std::string> texts;
  texts.reserve(answer.raw.size());
  for (std::size_t i = 0; i < answer.raw.size(); ++i) {
    texts.push_back(clean_text(answer.raw[i], !answer.ended[i] && !final));
  }
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
  Socket(LegacySessions& sessions, Name name, std::shared_ptr<LegacySession> session,
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
    if (!joined_) return;
    session_->leave(peer_);
    if (session_->empty()) sessions_.by_name_.erase(name_);
  }

 private:
  LegacySessions& sessions_;
  Name name_;
  std::shared_ptr<LegacySession> session_;
  std::shared_ptr<net::WebSocketPeer> peer_;
  bool joined_ = false;
};

LegacySessions::LegacySessions(SharedAnswers& answers, const Router& router,
                               std::function<Clock::time_point()> now)
    : answers_(answers), router_(router), now_(std::move(now)) {}

bool LegacySessions::has_room(const std::string& name, const Caller& caller) const {
  const auto found = by_name_.find({caller.owner(), name});
  return found == by_name_.end() || found->second->size() < LegacySession::kSockets;
}

std::unique_ptr<net::WebSocketSession> LegacySessions::open(const std::string& name,
                                                            std::shared_ptr<net::WebSocketPeer> peer,
                                                            const Caller& caller) {
  const Name whole(caller.owner(), name);
  auto& session = by_name_[whole];
  if (!session) session = std::make_shared<LegacySession>(answers_, router_, ++last_number_, caller, now_);
  return std::make_unique<Socket>(*this, whole, session, std::move(peer));
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
