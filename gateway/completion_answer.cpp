#include "gateway/completion_answer.hpp"

#include <utility>

#include "gateway/openai_error.hpp"
#include "net/responses.hpp"
#include "proto/traceparent.hpp"

namespace inkfleet::gateway {

namespace {

namespace http = net::http;

net::HttpResponse stream_head() {
  auto head = net::text_response(http::status::ok, "", "text/event-stream; charset=utf-8");
  head.set(http::field::cache_control, "no-cache");
  head.set("X-Accel-Buffering", "no");  // nginx would collect events before it passes them on
  return head;
}

}  // namespace

CompletionAnswer::CompletionAnswer(Relay& relay, CompletionRequest request, const Caller& caller,
                                   std::string id, std::int64_t created, std::function<void()> changed,
                                   Clock::time_point now)
    : relay_(relay),
      completion_(std::move(request), std::move(id), created),
      trace_id_(proto::trace_id_of(caller.traceparent)),
      changed_(std::move(changed)) {
  for (std::size_t i = 0; i < completion_.request().prompts.size(); ++i) {
    if (!completion_.error()) ask(i, caller, now);
  }
}

void CompletionAnswer::ask(std::size_t prompt, const Caller& caller, Clock::time_point now) {
  const auto& request = completion_.request();
  auto suggest = request.suggest;
  suggest.id = completion_.id();
  if (const auto* text = std::get_if<std::string>(&request.prompts[prompt])) {
    suggest.prompt = *text;
  } else {
    suggest.prompt_ids = std::get<std::vector<proto::TokenId>>(request.prompts[prompt]);
  }
  tickets_.push_back(relay_.start({.model = request.model,
                                   .door = Door::kOpenAi,
                                   .caller = caller,
                                   .suggest = std::move(suggest),
                                   .answer =
                                       [this, prompt](proto::ServerFrame frame) {
                                         completion_.take(prompt, std::move(frame));
                                         changed_();
                                       }},
                                  now));
}

void CompletionAnswer::on_closed() {
  over_ = true;
  for (const auto ticket : std::exchange(tickets_, {})) relay_.abandon(ticket);
}

net::HttpAnswer::Part CompletionAnswer::take() {
  auto part = next();
  if (part.head && !trace_id_.empty()) part.head->set("X-Request-Id", trace_id_);
  return part;
}

net::HttpAnswer::Part CompletionAnswer::next() {
  if (over_) return {};
  if (const auto& error = completion_.error()) return take_error(*error);
  if (completion_.request().stream) return take_events();
  if (!completion_.complete()) return {};
  over_ = true;
  return {.head = net::json_response(http::status::ok, completion_.whole()), .last = true};
}

net::HttpAnswer::Part CompletionAnswer::take_error(const proto::Error& error) {
  on_closed();
  if (!begun_) return {.head = openai_refusal(error), .last = true};
  return {.piece = completion_.events() + event_of(openai_error(error)), .last = true};
}

net::HttpAnswer::Part CompletionAnswer::take_events() {
  if (!completion_.started()) return {};
  Part part;
  if (!std::exchange(begun_, true)) part.head = stream_head();
  part.piece = completion_.events();
  part.last = over_ = completion_.complete();
  return part;
}

}  // namespace inkfleet::gateway
