#include "gateway/openai_completion.hpp"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "gateway/openai_error.hpp"
#include "gateway/openai_logprobs.hpp"

namespace inkfleet::gateway {

namespace {

using proto::Json;

constexpr std::string_view kDone = "data: [DONE]\n\n";

/// What the same seed gives the same text with.
std::string fingerprint_of(const proto::Receipt& receipt) {
  const auto& engine = receipt.engine;
  return fmt::format("{}/{}/{}/{}/{}", receipt.weights, engine.version, engine.device, engine.dtype,
                     engine.instruction_set);
}

/// Null for an end that OpenAI has no word for.
const char* finish_reason_of(proto::FinishReason reason) {
  using enum proto::FinishReason;
  if (reason == kLength) return "length";
  return reason == kStop || reason == kEndOfText ? "stop" : nullptr;
}

}  // namespace

std::string event_of(const Json& data) {
  return "data: " + proto::dump_json(data) + "\n\n";
}

Completion::Completion(CompletionRequest request, std::string id, std::int64_t created)
    : request_(std::move(request)), id_(std::move(id)), created_(created), choices_(request_.choices()) {
  if (!request_.echo) return;
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    const auto& prompt = request_.prompts[i / static_cast<std::size_t>(request_.suggest.n)];
    if (const auto* text = std::get_if<std::string>(&prompt)) choices_[i].text = *text;
  }
}

void Completion::take(std::size_t prompt, proto::ServerFrame frame) {
  std::visit([&](auto& f) { take_frame(prompt, f); }, frame);
}

void Completion::take_frame(std::size_t prompt, proto::Started& frame) {
  started_ = true;
  if (!request_.echo || !frame.prompt) return;
  for (int i = 0; i < request_.suggest.n; ++i) choice(prompt, i)->text = *frame.prompt;
}

void Completion::take_frame(std::size_t prompt, proto::Delta& frame) {
  auto* const grown = choice(prompt, frame.index);
  if (!grown) return;
  grown->text += frame.text;
  std::ranges::move(frame.logprobs, std::back_inserter(grown->logprobs));
}

void Completion::take_frame(std::size_t prompt, proto::Finished& frame) {
  auto* const ended = choice(prompt, frame.index);
  if (!ended || frame.reason == proto::FinishReason::kFailed) return;  // an error follows
  ended->finish_reason = finish_reason_of(frame.reason);
  if (ended->finish_reason) return;
  if (frame.reason == proto::FinishReason::kDeadline) {
    fail({.code = proto::ErrorCode::kDeadline, .message = "the deadline passed before the last token"});
  } else {
    fail({.code = proto::ErrorCode::kInternal, .message = "a choice was given up"});
  }
}

void Completion::take_frame(std::size_t, proto::Completed& frame) {
  ++completed_;
  usage_.prompt_tokens += frame.usage.prompt_tokens;
  usage_.cached_tokens += frame.usage.cached_tokens;
  usage_.completion_tokens += frame.usage.completion_tokens;
  fingerprint_ = fingerprint_of(frame.receipt);
}

void Completion::take_frame(std::size_t, proto::Error& frame) {
  fail(std::move(frame));
}

void Completion::fail(proto::Error error) {
  if (!error_) error_ = std::move(error);
}

Completion::Choice* Completion::choice(std::size_t prompt, int index) {
  if (index < 0 || index >= request_.suggest.n) return nullptr;
  return &choices_[prompt * static_cast<std::size_t>(request_.suggest.n) + static_cast<std::size_t>(index)];
}

Json Completion::head() const {
  return {{"id", id_}, {"object", "text_completion"}, {"created", created_}, {"model", request_.model}};
}

Json Completion::usage() const {
  return {{"prompt_tokens", usage_.prompt_tokens},
          {"completion_tokens", usage_.completion_tokens},
          {"total_tokens", usage_.prompt_tokens + usage_.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", usage_.cached_tokens}}}};
}

Json Completion::shown(std::size_t index) const {
  const auto& choice = choices_[index];
  Json shown{{"text", choice.text}, {"index", index}, {"logprobs", nullptr}, {"finish_reason", nullptr}};
  if (choice.finish_reason) shown["finish_reason"] = choice.finish_reason;
  if (request_.suggest.logprobs) shown["logprobs"] = openai_logprobs(choice.logprobs, choice.characters);
  return shown;
}

Json Completion::whole() const {
  auto choices = Json::array();
  for (std::size_t i = 0; i < choices_.size(); ++i) choices.push_back(shown(i));
  auto whole = head();
  whole["choices"] = std::move(choices);
  whole["usage"] = usage();
  whole["system_fingerprint"] = fingerprint_;
  return whole;
}

std::string Completion::events() {
  std::string events;
  for (std::size_t i = 0; i < choices_.size(); ++i) {
    auto& choice = choices_[i];
    if (!choice.has_news()) continue;
    auto event = head();
    event["choices"] = Json::array({shown(i)});
    if (request_.include_usage) event["usage"] = nullptr;
    events += event_of(event);
    choice.said_end = choice.finish_reason != nullptr;
    for (const auto& token : choice.logprobs) choice.characters += characters_in(token.text);
    choice.text.clear();
    choice.logprobs.clear();
  }
  if (!complete() || std::exchange(said_done_, true)) return events;
  if (request_.include_usage) {
    auto last = head();
    last["choices"] = Json::array();
    last["usage"] = usage();
    last["system_fingerprint"] = fingerprint_;
    events += event_of(last);
  }
  return events + std::string(kDone);
}

}  // namespace inkfleet::gateway
