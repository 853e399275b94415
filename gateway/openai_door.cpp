#include "gateway/openai_door.hpp"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <utility>

#include "gateway/completion_answer.hpp"
#include "gateway/models_list.hpp"
#include "gateway/openai_error.hpp"
#include "gateway/openai_request.hpp"
#include "gateway/openapi.hpp"
#include "gateway/trace.hpp"
#include "net/responses.hpp"

namespace inkfleet::gateway {

namespace {

constexpr std::string_view kModels = "/v1/models";
constexpr std::string_view kModel = "/v1/models/";

std::int64_t seconds_since_1970() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

std::optional<net::HttpResponse> OpenAiDoor::answer(std::string_view path) const {
  if (path == kDocument) return show_openapi(router_);
  if (path == kModels) return list_models(router_);
  if (path == kCompletions) return net::method_not_allowed("POST");
  if (path.starts_with(kModel)) return show_model(router_, path.substr(kModel.size()));
  if (path.starts_with("/v1/")) return openai_no_such_path(path);
  return std::nullopt;
}

std::variant<net::AnswerFactory, net::HttpResponse> OpenAiDoor::complete(std::string_view body,
                                                                         Caller caller) {
  auto parsed = parse_completion(body, router_);
  if (const auto* error = std::get_if<proto::Error>(&parsed)) return openai_refusal(*error);
  auto& request = std::get<CompletionRequest>(parsed);
  if (!relay_.has_room(caller, request.prompts.size())) {
    return openai_refusal(relay_.too_many(), proto::Overload::kCaller);
  }
  caller.traceparent = continue_trace(caller.traceparent, random_);
  auto id = fmt::format("cmpl-{:016x}{:016x}", random_(), random_());
  return [this, request = std::move(request), caller = std::move(caller),
          id = std::move(id)](auto changed) mutable {
    return std::make_unique<CompletionAnswer>(relay_, std::move(request), caller, std::move(id),
                                              seconds_since_1970(), std::move(changed), Clock::now());
  };
}

}  // namespace inkfleet::gateway
