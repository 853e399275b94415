#include "gateway/shared_answers.hpp"

#include <fmt/format.h>

#include <utility>

#include "net/sha256.hpp"

namespace inkfleet::gateway {
namespace {

using State = LegacyAnswer::State;

/// A completed answer costs its texts and about so much beside them.
constexpr std::size_t kOverheadBytes = 256;

std::size_t bytes_of(const LegacyAnswer& answer) {
  std::size_t bytes = kOverheadBytes;
  for (const auto& text : answer.raw) bytes += text.size() + sizeof(std::string);
  return bytes;
}

bool is_whole(proto::FinishReason reason) {
  using enum proto::FinishReason;
  return reason == kLength || reason == kStop || reason == kEndOfText;
}

proto::Suggest suggest_of(const LegacyRequest& request) {
  return {.id = "legacy",
          .prompt = request.prompt,
          .n = request.batch_size,
          .max_tokens = request.length,
          .temperature = request.temperature,
          .top_k = request.top_k,
          .top_p = request.top_p};
}

}  // namespace

SharedAnswers::Key SharedAnswers::key_of(const LegacyRequest& request, const std::string& owner) {
  // The sizes keep what one field ends with from being taken for what the next begins with.
  const auto text =
      fmt::format("{}:{}{}:{}{}:{}{} {} {:a} {} {:a}", owner.size(), owner, request.model.size(),
                  request.model, request.prompt.size(), request.prompt, request.batch_size, request.length,
                  request.temperature, request.top_k, request.top_p);
  return net::sha256(text);
}

SharedAnswers::Ticket SharedAnswers::ask(const LegacyRequest& request, const Caller& caller,
                                         const std::string& document, Listener listener,
                                         Clock::time_point now) {
  const auto key = key_of(request, caller.owner());
  if (const auto* answer = cached(key, now)) {
    listener(*answer);
    return 0;
  }
  const auto ticket = ++last_ticket_;
  const auto found = running_.find(key);
  if (found != running_.end()) {
    asked_[ticket] = key;
    found->second->listeners[ticket] = listener;
    listener(found->second->answer);
    return ticket;
  }
  auto running = std::make_shared<Running>();
  running->answer.raw.assign(static_cast<std::size_t>(request.batch_size), "");
  running->answer.ended.assign(static_cast<std::size_t>(request.batch_size), false);
  running->listeners[ticket] = std::move(listener);
  running_[key] = std::move(running);
  asked_[ticket] = key;
  start(key, request, caller, document, now);
  return asked_.contains(ticket) ? ticket : 0;  // it may have ended already
}

void SharedAnswers::start(const Key& key, const LegacyRequest& request, const Caller& caller,
                          const std::string& document, Clock::time_point now) {
  const auto ticket =
      relay_.start({.model = request.model,
                    .door = Door::kLegacy,
                    .caller = caller,
                    .suggest = suggest_of(request),
                    .document = document,
                    .answer = [this, key, now](const auto& frame) { on_frame(key, frame, now); }},
                   now);
  if (const auto at = running_.find(key); at != running_.end()) at->second->ticket = ticket;
}

void SharedAnswers::leave(Ticket ticket) {
  const auto asked = asked_.find(ticket);
  if (asked == asked_.end()) return;
  const auto at = running_.find(asked->second);
  asked_.erase(asked);
  at->second->listeners.erase(ticket);
  if (!at->second->listeners.empty()) return;
  relay_.abandon(at->second->ticket);
  running_.erase(at);
}

void SharedAnswers::on_frame(const Key& key, const proto::ServerFrame& frame, Clock::time_point now) {
  const auto at = running_.find(key);
  if (at == running_.end()) return;
  auto& answer = at->second->answer;
  const auto is_ours = [&](int index) {
    return index >= 0 && static_cast<std::size_t>(index) < answer.raw.size();
  };
  if (const auto* delta = std::get_if<proto::Delta>(&frame); delta && is_ours(delta->index)) {
    answer.raw[static_cast<std::size_t>(delta->index)] += delta->text;
    tell(key);
  } else if (const auto* finished = std::get_if<proto::Finished>(&frame);
             finished && is_ours(finished->index)) {
    answer.ended[static_cast<std::size_t>(finished->index)] =
        finished->reason != proto::FinishReason::kFailed;
    at->second->whole = at->second->whole && is_whole(finished->reason);
    tell(key);
  } else if (std::holds_alternative<proto::Completed>(frame)) {
    end(key, State::kCompleted, now);
  } else if (std::holds_alternative<proto::Error>(frame)) {
    end(key, State::kFailed, now);
  }
}

// A listener may leave, and ask anew, while it is told.
void SharedAnswers::tell(const Key& key) {
  const auto running = running_.at(key);
  const auto listeners = running->listeners;
  for (const auto& [ticket, listener] : listeners) {
    if (running->listeners.contains(ticket)) listener(running->answer);
  }
}

void SharedAnswers::end(const Key& key, State state, Clock::time_point now) {
  const auto running = running_.at(key);
  running->answer.state = state;
  running_.erase(key);
  const auto listeners = std::exchange(running->listeners, {});
  for (const auto& [ticket, listener] : listeners) asked_.erase(ticket);
  if (state == State::kCompleted && running->whole) keep(key, running->answer, now);
  for (const auto& [ticket, listener] : listeners) listener(running->answer);
}

// ---- completed answers ------------------------------------------------------------------------------------

const LegacyAnswer* SharedAnswers::cached(const Key& key, Clock::time_point now) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return nullptr;
  if (now >= found->second->since + kCacheAge) {
    drop(found->second);
    return nullptr;
  }
  return &found->second->answer;
}

void SharedAnswers::keep(const Key& key, const LegacyAnswer& answer, Clock::time_point now) {
  if (const auto older = by_key_.find(key); older != by_key_.end()) drop(older->second);
  recent_.push_front({key, answer, now, bytes_of(answer)});
  by_key_[key] = recent_.begin();
  cached_bytes_ += recent_.front().bytes;
  while (cached_bytes_ > kCacheBytes) drop(std::prev(recent_.end()));
}

void SharedAnswers::drop(std::list<Cached>::iterator at) {
  cached_bytes_ -= at->bytes;
  by_key_.erase(at->key);
  recent_.erase(at);
}

}  // namespace inkfleet::gateway
