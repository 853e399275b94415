#include "model-service/service/session.hpp"

#include <chrono>
#include <utility>

#include "model-service/engine/prompt.hpp"
#include "model-service/service/suggest_check.hpp"
#include "proto/limits.hpp"
#include "proto/parse.hpp"

namespace inkfleet::service {
namespace {

using proto::ErrorCode;

constexpr std::chrono::milliseconds kRetrySoon{1000};

// The id of the request a frame belongs to.
const std::string* request_id(const proto::ServerFrame& frame) {
  return std::visit(
      [](const auto& typed) -> const std::string* {
        if constexpr (requires { typed.id->size(); }) {
          return typed.id ? &*typed.id : nullptr;
        } else {
          return &typed.id;
        }
      },
      frame);
}

}  // namespace

Session::Session(std::shared_ptr<net::WebSocketPeer> peer, ServiceState& state)
    : peer_(std::move(peer)), state_(state) {}

void Session::on_text(std::string_view text) {
  auto parsed = proto::parse_client_frame(text);
  if (auto* error = std::get_if<proto::Error>(&parsed)) {
    const bool taken = error->id && live_.contains(*error->id);
    peer_->send(taken ? proto::without_request(std::move(*error)) : std::move(*error));
    return;
  }
  std::visit([this](auto& frame) { handle(frame); }, std::get<proto::ClientFrame>(parsed));
}

void Session::on_binary() {
  peer_->send(proto::Error{
      .code = ErrorCode::kBadRequest, .message = "binary message; frames are JSON text", .frame = ""});
}

void Session::on_closed() {
  for (const auto& [id, live] : live_) {
    state_.dispatcher.forget(live.key);
    if (state_.served) state_.served->engine->abandon(live.key);
  }
  live_.clear();
}

void Session::on_frame(proto::ServerFrame frame) {
  const bool ends =
      std::holds_alternative<proto::Completed>(frame) || std::holds_alternative<proto::Error>(frame);
  if (ends) {
    const auto found = live_.find(*request_id(frame));
    if (found != live_.end()) {
      const auto& document = found->second.document;
      if (document) {
        const auto newest = documents_.find(*document);
        if (newest != documents_.end() && newest->second == found->first) documents_.erase(newest);
      }
      live_.erase(found);
    }
  }
  peer_->send(std::move(frame));
}

void Session::handle(proto::Suggest& suggest) {
  if (live_.contains(suggest.id)) {
    peer_->send(
        proto::Error{.code = ErrorCode::kBadRequest,
                     .message = "id \"" + suggest.id + "\" is in use by a live request of this connection",
                     .frame = "suggest",
                     .field = "id"});
    return;
  }
  if (auto error = refusal(suggest)) return refuse(suggest.id, std::move(*error));
  if (suggest.document) supersede(*suggest.document);
  submit(std::move(suggest));
}

// All that can be said no to before the prompt is tokenized.
std::optional<proto::Error> Session::refusal(const proto::Suggest& suggest) const {
  if (!state_.served) {
    return proto::Error{
        .code = ErrorCode::kUnavailable, .message = "the model is still loading", .retry_after = kRetrySoon};
  }
  if (state_.draining) {
    return proto::Error{
        .code = ErrorCode::kUnavailable, .message = "this service is going away", .retry_after = kRetrySoon};
  }
  if (auto error = check_suggest(suggest, state_.served->shape)) return error;
  if (state_.served->engine->load().queued >= state_.served->max_queue) {
    return proto::Error{
        .code = ErrorCode::kOverloaded,
        .message = "the queue is full: " + std::to_string(state_.served->max_queue) + " requests wait",
        .retry_after = kRetrySoon};
  }
  return std::nullopt;
}

void Session::supersede(const std::string& document) {
  const auto older = documents_.find(document);
  if (older == documents_.end()) return;
  state_.served->engine->cancel(live_.at(older->second).key, std::nullopt);
}

void Session::submit(proto::Suggest suggest) {
  const auto& served = *state_.served;
  const auto submitted = engine::Clock::now();
  if (!suggest.seed) {
    suggest.seed = std::uniform_int_distribution<std::uint64_t>(0, proto::limits::kSeed.max)(state_.seeds);
  }
  auto fitted = engine::fit_prompt(served.tokenizer->encode(suggest.prompt), suggest.max_tokens,
                                   served.shape.context_length, served.shape.end_of_text);
  suggest.max_tokens = fitted.max_tokens;
  suggest.prompt.clear();

  const auto key = state_.dispatcher.open(*this);
  live_.emplace(suggest.id, Live{key, suggest.document});
  if (suggest.document) documents_[*suggest.document] = suggest.id;
  served.engine->submit({.key = key,
                         .suggest = std::move(suggest),
                         .prompt = std::move(fitted.tokens),
                         .dropped_tokens = fitted.dropped_tokens,
                         .submitted = submitted});
}

void Session::refuse(std::string id, proto::Error error) {
  error.id = std::move(id);
  peer_->send(std::move(error));
}

void Session::handle(const proto::Cancel& cancel) {
  const auto found = live_.find(cancel.id);
  if (found != live_.end()) state_.served->engine->cancel(found->second.key, cancel.index);
}

void Session::handle(const proto::Prefill&) {
  peer_->send(proto::Error{.code = ErrorCode::kBadRequest,
                           .message = "this service does not take \"prefill\" frames",
                           .frame = "prefill"});
}

void Session::handle(const proto::Accept&) {
  peer_->send(proto::Error{.code = ErrorCode::kBadRequest,
                           .message = "this service does not take \"accept\" frames",
                           .frame = "accept"});
}

}  // namespace inkfleet::service
