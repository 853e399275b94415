#include "model-service/service/session.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "model-service/engine/heal.hpp"
#include "model-service/engine/prompt.hpp"
#include "model-service/service/request_log.hpp"
#include "model-service/service/suggest_check.hpp"
#include "model-service/service/token_texts.hpp"
#include "proto/limits.hpp"
#include "proto/parse.hpp"

namespace inkfleet::service {
namespace {

using proto::ErrorCode;

/// A request is let in when its expected time, times this, is within its deadline. What is foretold is a
/// tenth wrong now and then, and who was let in and misses its deadline has cost others theirs.
constexpr double kForesight = 1.2;

/// Completed requests that `accept` may name. The contract asks for 32 an editor; a gateway's connection
/// carries many editors.
constexpr std::size_t kAcceptable = 1024;

proto::Error about_prefill(proto::Error error) {
  error.frame = "prefill";
  return error;
}

}  // namespace

Session::Session(std::shared_ptr<net::WebSocketPeer> peer, ServiceState& state)
    : peer_(std::move(peer)), state_(state), client_("connection:" + std::to_string(++state.connections)) {}

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
    log_abandoned(id, live.traceparent);
    state_.dispatcher.forget(live.key);
    if (state_.served) state_.served->engine->abandon(live.key);
  }
  live_.clear();
  while (!prefills_.empty()) drop_prefill(std::string(prefills_.begin()->first));
}

void Session::on_frame(engine::RequestKey key, proto::ServerFrame frame) {
  spell(frame);
  log(frame);
  if (const auto* completed = std::get_if<proto::Completed>(&frame)) {
    completed_.push_back({completed->id, key});
    if (completed_.size() > kAcceptable) completed_.pop_front();
    end_request(completed->id);
  } else if (const auto* error = std::get_if<proto::Error>(&frame); error != nullptr && error->id) {
    end_request(*error->id);
  } else if (Dispatcher::ends(frame)) {
    std::erase_if(prefills_, [key](const auto& prefill) { return prefill.second == key; });
  }
  peer_->send(std::move(frame));
}

// The engine knows tokens; what they spell is added here.
void Session::spell(proto::ServerFrame& frame) {
  if (auto* started = std::get_if<proto::Started>(&frame)) {
    if (const auto live = live_.find(started->id); live != live_.end()) started->prompt = live->second.prompt;
  } else if (auto* delta = std::get_if<proto::Delta>(&frame)) {
    add_token_texts(*delta, *state_.served->tokenizer);
  }
}

void Session::log(const proto::ServerFrame& frame) const {
  const auto traceparent_of = [this](const std::string& id) {
    const auto live = live_.find(id);
    return live == live_.end() ? std::nullopt : live->second.traceparent;
  };
  if (const auto* completed = std::get_if<proto::Completed>(&frame)) {
    log_completed(*completed, traceparent_of(completed->id));
  } else if (const auto* error = std::get_if<proto::Error>(&frame); error != nullptr && error->id) {
    log_error(*error->id, error->code, traceparent_of(*error->id));
  }
}

void Session::end_request(const std::string& id) {
  const auto found = live_.find(id);
  if (found == live_.end()) return;
  if (const auto& document = found->second.document) {
    const auto newest = documents_.find(*document);
    if (newest != documents_.end() && newest->second == found->first) documents_.erase(newest);
  }
  live_.erase(found);
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
  if (!suggest.client) suggest.client = client_;
  if (auto error = refusal(suggest)) return refuse(suggest, std::move(*error));
  if (suggest.document) {
    supersede(*suggest.document);
    drop_prefill(*suggest.document);
  }
  submit(std::move(suggest));
}

std::optional<proto::Error> Session::not_serving() const {
  if (!state_.served) {
    return proto::Error{.code = ErrorCode::kUnavailable,
                        .message = "the model is still loading",
                        .retry_after = proto::limits::kRetryAfter};
  }
  if (state_.draining || state_.device_lost) {
    return proto::Error{.code = ErrorCode::kUnavailable,
                        .message = "this service is going away",
                        .retry_after = proto::limits::kRetryAfter};
  }
  return std::nullopt;
}

// All that can be said no to before the prompt is tokenized.
std::optional<proto::Error> Session::refusal(const proto::Suggest& suggest) const {
  if (auto error = not_serving()) return error;
  if (auto error = check_suggest(suggest, state_.served->shape)) return error;
  return overload(suggest);
}

std::optional<proto::Error> Session::overload(const proto::Suggest& suggest) const {
  const auto load = state_.served->engine->load();
  const int superseded = suggest.document && documents_.contains(*suggest.document) ? 1 : 0;
  const int limit = state_.served->max_queue * (suggest.resume ? engine::Scheduler::kResumedFactor : 1);
  if (!load.backlog.has_place(*suggest.client, limit, superseded)) {
    return proto::Error{
        .code = ErrorCode::kOverloaded,
        .message = "the queue is full: " + std::to_string(state_.served->max_queue) + " requests wait",
        .retry_after = proto::limits::kRetryAfter};
  }
  if (suggest.resume) return std::nullopt;
  // What would not end in time costs others theirs; what need not wait is let try.
  const auto needed = load.time_to_complete(suggest) * kForesight;
  if (load.must_wait(suggest) && needed > suggest.deadline) {
    const auto whole = std::chrono::ceil<std::chrono::milliseconds>(needed);
    return proto::Error{
        .code = ErrorCode::kOverloaded,
        .message = "it would take about " + std::to_string(whole.count()) +
                   " ms, longer than deadline_ms = " + std::to_string(suggest.deadline.count()),
        .retry_after = whole - suggest.deadline};
  }
  return std::nullopt;
}

void Session::supersede(const std::string& document) {
  const auto older = documents_.find(document);
  if (older == documents_.end()) return;
  state_.served->engine->cancel(live_.at(older->second).key, std::nullopt);
}

// Nobody waits for it any more, and it has no answer.
void Session::drop_prefill(const std::string& document) {
  const auto older = prefills_.find(document);
  if (older == prefills_.end()) return;
  state_.dispatcher.forget(older->second);
  if (state_.served) state_.served->engine->abandon(older->second);
  prefills_.erase(older);
}

void Session::submit(proto::Suggest suggest) {
  const auto& served = *state_.served;
  const auto submitted = engine::Clock::now();
  std::optional<std::string> spelled;
  if (suggest.prompt_ids) {
    spelled = served.tokenizer->decode(*suggest.prompt_ids);
    if (auto error = check_spelled(*spelled)) return refuse(suggest, std::move(*error));
  }
  auto prompt =
      suggest.prompt_ids ? *std::move(suggest.prompt_ids) : served.tokenizer->encode(suggest.prompt);
  std::string spell_again;
  if (suggest.heal) spell_again = engine::take_back(prompt, suggest.prompt, *served.tokenizer);
  suggest.prompt_ids.reset();
  suggest.prompt.clear();
  if (auto error = check_healed_resume(suggest, spell_again, *served.tokenizer)) {
    return refuse(suggest, std::move(*error));
  }
  if (!suggest.seed) {
    suggest.seed = std::uniform_int_distribution<std::uint64_t>(0, proto::limits::kSeed.max)(state_.seeds);
  }
  auto fitted = engine::fit_prompt(std::move(prompt), suggest.max_tokens, served.shape.context_length,
                                   served.shape.end_of_text);
  suggest.max_tokens = fitted.max_tokens;

  const auto key = state_.dispatcher.open(*this);
  live_.emplace(suggest.id, Live{key, suggest.document, std::move(spelled), suggest.traceparent});
  if (suggest.document) documents_[*suggest.document] = suggest.id;
  served.engine->submit(engine::Request{.key = key,
                                        .suggest = std::move(suggest),
                                        .prompt = std::move(fitted.tokens),
                                        .spell_again = std::move(spell_again),
                                        .dropped_tokens = fitted.dropped_tokens,
                                        .submitted = submitted});
}

void Session::refuse(const proto::Suggest& suggest, proto::Error error) {
  log_error(suggest.id, error.code, suggest.traceparent);
  error.id = suggest.id;
  peer_->send(std::move(error));
}

void Session::handle(const proto::Cancel& cancel) {
  const auto found = live_.find(cancel.id);
  if (found != live_.end()) state_.served->engine->cancel(found->second.key, cancel.index);
}

// The prompt is cut as for a `suggest` that leaves `max_tokens` at its default.
void Session::handle(const proto::Prefill& prefill) {
  if (auto error = not_serving()) return peer_->send(about_prefill(std::move(*error)));
  drop_prefill(prefill.document);
  const auto& served = *state_.served;
  if (static_cast<int>(prefills_.size()) >= served.max_queue) {
    return peer_->send(about_prefill(
        {.code = ErrorCode::kOverloaded,
         .message = std::to_string(prefills_.size()) + " prefills of this connection wait, the limit",
         .retry_after = proto::limits::kRetryAfter}));
  }
  auto fitted = engine::fit_prompt(served.tokenizer->encode(prefill.prompt), proto::Suggest{}.max_tokens,
                                   served.shape.context_length, served.shape.end_of_text);
  const auto key = state_.dispatcher.open(*this);
  prefills_.emplace(prefill.document, key);
  served.engine->submit(engine::Warmup{.key = key,
                                       .document = prefill.document,
                                       .id = prefill.id,
                                       .prompt = std::move(fitted.tokens),
                                       .submitted = engine::Clock::now()});
}

void Session::handle(const proto::Accept& accept) {
  if (!state_.served) return;
  const auto order = [&](engine::RequestKey key) {
    state_.served->engine->accept(key, accept.index, accept.tokens);
  };
  if (const auto live = live_.find(accept.id); live != live_.end()) return order(live->second.key);
  const auto completed = std::find_if(completed_.rbegin(), completed_.rend(),
                                      [&](const Completed& ended) { return ended.id == accept.id; });
  if (completed != completed_.rend()) order(completed->key);
}

}  // namespace inkfleet::service
