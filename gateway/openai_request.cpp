#include "gateway/openai_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "proto/field_reader.hpp"
#include "proto/json.hpp"
#include "proto/limits.hpp"

namespace inkfleet::gateway {

namespace {

namespace limits = proto::limits;
using proto::Error;
using proto::ErrorCode;
using proto::FieldReader;
using proto::Json;

constexpr int kMaxTokens = 16;
constexpr double kTemperature = 1.0;
constexpr double kTopP = 1.0;
constexpr proto::RealRange kPenalty{-2.0, 2.0};
constexpr proto::TextRange kAnyText{0, std::numeric_limits<std::size_t>::max()};

Error at_fault(ErrorCode code, std::string field, std::string message) {
  return {.code = code, .message = std::move(message), .field = std::move(field)};
}

Error bad_prompt(std::string message) {
  return at_fault(ErrorCode::kBadRequest, "prompt", std::move(message));
}

/// The value; null when it is absent or null.
const Json* find(const Json& body, const char* name) {
  const auto field = body.find(name);
  return field == body.end() || field->is_null() ? nullptr : &*field;
}

bool all_numbers(const Json& list) {
  return std::ranges::all_of(list, [](const Json& item) { return item.is_number(); });
}

// ---- prompts ----------------------------------------------------------------------------------------------

std::variant<Prompt, Error> read_prompt(const Json& value) {
  if (value.is_string()) {
    const auto bytes = proto::dump_json(value).size();
    if (bytes <= limits::kCompletionPromptBytes) return value.get<std::string>();
    return at_fault(
        ErrorCode::kTooLarge, "prompt",
        fmt::format("a prompt may have {} bytes as JSON; given: {}", limits::kCompletionPromptBytes, bytes));
  }
  if (!value.is_array() || value.empty()) {
    return bad_prompt("a prompt must be text or a list of tokens; given: " + proto::describe(value));
  }
  if (value.size() > limits::kPromptIds) {
    return at_fault(ErrorCode::kTooLarge, "prompt",
                    fmt::format("a prompt may have {} tokens; given: {}", limits::kPromptIds, value.size()));
  }
  auto ids = proto::read_token_ids(value);
  if (const auto* fault = std::get_if<std::string>(&ids)) return bad_prompt("prompt: " + *fault);
  return std::get<std::vector<proto::TokenId>>(std::move(ids));
}

/// A prompt, or a list of them; a list of numbers is one prompt. Without any, the model writes from nothing.
std::optional<Error> read_prompts(const Json* value, std::vector<Prompt>& prompts) {
  static const Json kNothing = "";
  const Json& given = value ? *value : kNothing;
  const bool several = given.is_array() && !given.empty() && !all_numbers(given);
  const Json list = several ? given : Json::array({given});
  if (list.size() > limits::kCompletionPrompts) {
    return bad_prompt(
        fmt::format("prompt may be {} prompts; given: {}", limits::kCompletionPrompts, list.size()));
  }
  for (const Json& item : list) {
    auto prompt = read_prompt(item);
    if (auto* error = std::get_if<Error>(&prompt)) return std::move(*error);
    prompts.push_back(std::get<Prompt>(std::move(prompt)));
  }
  return std::nullopt;
}

/// What is written into the answer as often as there are choices. Tokens count as the longest of GPT-2's.
std::size_t bytes_of(const Prompt& prompt) {
  constexpr std::size_t kLongestToken = 128;
  if (const auto* text = std::get_if<std::string>(&prompt)) return text->size();
  const auto tokens = std::get<std::vector<proto::TokenId>>(prompt).size();
  return std::min(tokens * kLongestToken, limits::kCompletionPromptBytes);
}

/// An answer that nobody could take in at once, and that would keep everybody else waiting while it is
/// written.
std::optional<Error> too_much_to_answer(const CompletionRequest& request) {
  const auto& suggest = request.suggest;
  std::size_t echoed = 0;
  for (const auto& prompt : request.prompts) echoed += bytes_of(prompt) * static_cast<std::size_t>(suggest.n);
  if (request.echo && echoed > limits::kHttpBodyBytes) {
    return at_fault(ErrorCode::kTooLarge, "echo",
                    fmt::format("echo of all prompts, n times each, may have {} bytes; these have up to {}",
                                limits::kHttpBodyBytes, echoed));
  }
  const auto tokens = request.choices() * static_cast<std::size_t>(suggest.max_tokens);
  if (suggest.logprobs && tokens > limits::kCompletionLogprobs) {
    return at_fault(ErrorCode::kTooLarge, "logprobs",
                    fmt::format("logprobs may be asked for {} tokens, choices times max_tokens; given: {}",
                                limits::kCompletionLogprobs, tokens));
  }
  return std::nullopt;
}

// ---- parameters -------------------------------------------------------------------------------------------

void read_stop(FieldReader& fields, const Json& body, proto::Suggest& suggest) {
  constexpr proto::TextRange kRange{1, limits::kStopBytes};
  const Json* value = find(body, "stop");
  if (value && value->is_string()) {
    if (const auto text = fields.text("stop", kRange)) suggest.stop.push_back(*text);
  } else {
    suggest.stop = fields.texts("stop", limits::kStopStrings, kRange);
  }
}

void read_sampling(FieldReader& fields, const Json& body, proto::Suggest& suggest) {
  suggest.n = fields.small_integer("n", limits::kSuggestions).value_or(1);
  suggest.max_tokens = fields.small_integer("max_tokens", limits::kMaxTokens).value_or(kMaxTokens);
  suggest.temperature = fields.real("temperature", limits::kTemperature).value_or(kTemperature);
  suggest.top_p = fields.real("top_p", limits::kTopP).value_or(kTopP);
  suggest.seed = fields.integer("seed", limits::kSeed);
  suggest.logprobs = fields.small_integer("logprobs", limits::kLogprobs);
  read_stop(fields, body, suggest);
  if (const auto deadline = fields.integer("deadline_ms", limits::kDeadlineMs)) {
    suggest.deadline = std::chrono::milliseconds(*deadline);
  }
}

void read_streaming(FieldReader& fields, CompletionRequest& request) {
  request.stream = fields.flag("stream").value_or(false);
  const Json* options = fields.object("stream_options");
  if (!options) return;
  if (!request.stream) fields.fail("stream_options", "stream_options are for a request with stream");
  FieldReader inner(*options);
  request.include_usage = inner.flag("include_usage").value_or(false);
  if (inner.fault()) fields.fail("stream_options", "stream_options: " + inner.fault()->message);
}

/// What OpenAI knows and this does not do: refused, unless it asks for nothing.
void refuse_the_rest(FieldReader& fields, const CompletionRequest& request) {
  for (const char* name : {"presence_penalty", "frequency_penalty"}) {
    if (fields.real(name, kPenalty).value_or(0.0) != 0.0) {
      fields.fail(name, std::string(name) + " is not supported; leave it at 0");
    }
  }
  if (!fields.text("suffix", kAnyText).value_or("").empty()) {
    fields.fail("suffix", "suffix is not supported: GPT-2 writes on, it does not fill in");
  }
  if (const Json* bias = fields.object("logit_bias"); bias && !bias->empty()) {
    fields.fail("logit_bias", "logit_bias is not supported");
  }
  const auto best_of = fields.small_integer("best_of", limits::kSuggestions);
  if (best_of && *best_of != request.suggest.n) {
    fields.fail("best_of", fmt::format("best_of must be n, which is {}: all that is computed is returned",
                                       request.suggest.n));
  }
  if (request.echo && request.suggest.logprobs) {
    fields.fail("echo", "echo is not supported together with logprobs");
  }
}

}  // namespace

std::variant<CompletionRequest, Error> parse_completion(std::string_view body, const Router& router) {
  const auto parsed = proto::parse_json(body);
  if (const auto* fault = std::get_if<proto::JsonFault>(&parsed)) {
    return Error{.code = ErrorCode::kBadRequest, .message = fault->message};
  }
  const Json& object = std::get<Json>(parsed);
  if (!object.is_object()) {
    return Error{.code = ErrorCode::kBadRequest,
                 .message = "a request is an object; given: " + proto::describe(object)};
  }
  CompletionRequest request;
  FieldReader fields(object);
  const auto name = fields.required("model", fields.text("model", kAnyText));
  read_sampling(fields, object, request.suggest);
  read_streaming(fields, request);
  request.echo = fields.flag("echo").value_or(false);
  refuse_the_rest(fields, request);
  fields.text("user", kAnyText);
  if (const auto& fault = fields.fault()) {
    return at_fault(ErrorCode::kBadRequest, fault->field, fault->message);
  }
  if (auto error = read_prompts(find(object, "prompt"), request.prompts)) return *std::move(error);
  if (request.choices() > limits::kCompletionChoices) {
    return at_fault(ErrorCode::kBadRequest, "n",
                    fmt::format("n for each prompt may be {} choices together; given: {}",
                                limits::kCompletionChoices, request.choices()));
  }
  if (auto error = too_much_to_answer(request)) return *std::move(error);
  const auto model = router.model_named(name);
  if (!model) {
    return at_fault(ErrorCode::kUnknownModel, "model",
                    "no model is called " + proto::describe(object["model"]) + "; GET /v1/models lists them");
  }
  request.model = *model;
  return request;
}

}  // namespace inkfleet::gateway
