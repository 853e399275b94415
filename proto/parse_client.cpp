#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "proto/field_reader.hpp"
#include "proto/parse.hpp"
#include "proto/traceparent.hpp"

namespace inkfleet::proto {
namespace {

constexpr TextRange kId{1, limits::kIdBytes};
constexpr TextRange kDocument{0, limits::kDocumentBytes};
constexpr TextRange kClient{1, limits::kClientBytes};
constexpr TextRange kAnyText{0, std::numeric_limits<std::size_t>::max()};
constexpr IntRange kIndex{0, limits::kSuggestions.max - 1};
constexpr IntRange kAcceptedTokens{0, limits::kMaxTokens.max};
constexpr IntRange kTopK{0, std::numeric_limits<int>::max()};

/// The tokens of a resume point, or what is wrong with them.
std::variant<std::vector<TokenId>, std::string> read_tokens(const Json& point, int max_tokens) {
  const auto list = point.find("tokens");
  if (list == point.end() || !list->is_array()) return "tokens must be a list";
  if (list->size() > static_cast<std::size_t>(max_tokens)) {
    return "at most max_tokens, " + std::to_string(max_tokens) +
           ", tokens are there to resume after; given: " + std::to_string(list->size());
  }
  return read_token_ids(*list);
}

std::variant<ResumePoint, std::string> read_resume_point(const Json& point, const Suggest& suggest) {
  if (!point.is_object())
    return "an entry must be an object with index and tokens; given: " + describe(point);
  const auto index_field = point.find("index");
  if (index_field == point.end()) return "an entry has no index";
  const IntRange range{0, suggest.n - 1};
  const auto index = whole_number(*index_field);
  if (!index || *index < range.min || *index > range.max) {
    return "index must be " + describe(range) + "; given: " + describe(*index_field);
  }
  auto tokens = read_tokens(point, suggest.max_tokens);
  if (auto* fault = std::get_if<std::string>(&tokens)) return std::move(*fault);
  return ResumePoint{static_cast<int>(*index), std::get<std::vector<TokenId>>(std::move(tokens))};
}

/// Needs `n` and `max_tokens`, so it comes after them.
void read_resume(FieldReader& fields, Suggest& suggest) {
  const Json* list = fields.list("resume");
  if (!list) return;
  auto& points = suggest.resume.emplace();
  for (const Json& item : *list) {
    auto point = read_resume_point(item, suggest);
    if (const auto* fault = std::get_if<std::string>(&point))
      return fields.fail("resume", "resume: " + *fault);
    auto& value = std::get<ResumePoint>(point);
    if (std::ranges::find(points, value.index, &ResumePoint::index) != points.end()) {
      return fields.fail("resume", "resume: index " + std::to_string(value.index) + " is there twice");
    }
    points.push_back(std::move(value));
  }
}

/// The prompt is text, or ids in its place.
void read_prompt(FieldReader& fields, Suggest& suggest) {
  const Json* list = fields.list("prompt_ids");
  auto text = fields.text("prompt", kAnyText);
  if (!list) {
    suggest.prompt = fields.required("prompt", std::move(text));
    return;
  }
  if (text) return fields.fail("prompt_ids", "prompt_ids stand in place of prompt; both are given");
  if (list->size() > limits::kPromptIds) {
    return fields.fail("prompt_ids", "prompt_ids must be at most " + std::to_string(limits::kPromptIds) +
                                         " tokens; given: " + std::to_string(list->size()));
  }
  auto ids = read_token_ids(*list);
  if (const auto* fault = std::get_if<std::string>(&ids)) {
    return fields.fail("prompt_ids", "prompt_ids: " + *fault);
  }
  suggest.prompt_ids = std::get<std::vector<TokenId>>(std::move(ids));
}

ClientFrame read_suggest(FieldReader& fields) {
  Suggest suggest;
  suggest.id = fields.required("id", fields.text("id", kId));
  read_prompt(fields, suggest);
  suggest.document = fields.text("document", kDocument);
  suggest.client = fields.text("client", kClient);
  suggest.n = fields.small_integer("n", limits::kSuggestions).value_or(suggest.n);
  suggest.max_tokens = fields.small_integer("max_tokens", limits::kMaxTokens).value_or(suggest.max_tokens);
  suggest.temperature = fields.real("temperature", limits::kTemperature).value_or(suggest.temperature);
  suggest.top_k = fields.small_integer("top_k", kTopK).value_or(suggest.top_k);
  suggest.top_p = fields.real("top_p", limits::kTopP).value_or(suggest.top_p);
  suggest.seed = fields.integer("seed", limits::kSeed);
  suggest.stop = fields.texts("stop", limits::kStopStrings, {1, limits::kStopBytes});
  suggest.logprobs = fields.small_integer("logprobs", limits::kLogprobs);
  if (const auto deadline = fields.integer("deadline_ms", limits::kDeadlineMs)) {
    suggest.deadline = std::chrono::milliseconds(*deadline);
  }
  suggest.heal = fields.flag("heal").value_or(suggest.heal);
  const auto trace = parse_traceparent(fields.text("traceparent", kAnyText).value_or(""));
  if (trace) suggest.traceparent = to_traceparent(*trace);
  read_resume(fields, suggest);
  return suggest;
}

ClientFrame read_cancel(FieldReader& fields) {
  Cancel cancel;
  cancel.id = fields.required("id", fields.text("id", kId));
  cancel.index = fields.small_integer("index", kIndex);
  return cancel;
}

ClientFrame read_prefill(FieldReader& fields) {
  Prefill prefill;
  prefill.document = fields.required("document", fields.text("document", kDocument));
  prefill.prompt = fields.required("prompt", fields.text("prompt", kAnyText));
  prefill.id = fields.text("id", kId);
  return prefill;
}

ClientFrame read_accept(FieldReader& fields) {
  Accept accept;
  accept.id = fields.required("id", fields.text("id", kId));
  accept.index = fields.required("index", fields.small_integer("index", kIndex));
  accept.tokens = fields.required("tokens", fields.small_integer("tokens", kAcceptedTokens));
  return accept;
}

struct FrameType {
  std::string_view name;
  ClientFrame (*read)(FieldReader&);
};
constexpr std::array kFrameTypes{
    FrameType{"suggest", read_suggest},
    FrameType{"cancel", read_cancel},
    FrameType{"prefill", read_prefill},
    FrameType{"accept", read_accept},
};

/// At most kTypeBytes of `type`, cut between characters.
std::string shortened(std::string_view type) {
  if (type.size() <= kTypeBytes) return std::string(type);
  std::size_t length = kTypeBytes;
  while (length > 0 && (static_cast<unsigned char>(type[length]) & 0xC0) == 0x80) --length;
  return std::string(type.substr(0, length));
}

Error bad_frame(std::string_view type, std::optional<std::string> field, std::string message) {
  return {.code = ErrorCode::kBadRequest,
          .message = std::move(message),
          .frame = shortened(type),
          .field = std::move(field)};
}

Error bad_fields(std::string_view type, const Json& object, const FieldReader::Fault& fault) {
  Error error = bad_frame(type, fault.field, fault.message);
  if (type != "suggest") return error;
  if (auto id = FieldReader(object).text("id", kId)) {
    error.id = std::move(id);
    error.frame.reset();
  }
  return error;
}

}  // namespace

std::variant<ClientFrame, Error> parse_client_frame(std::string_view text) {
  const auto parsed = parse_json(text);
  if (const auto* fault = std::get_if<JsonFault>(&parsed)) return bad_frame("", std::nullopt, fault->message);
  const Json& object = std::get<Json>(parsed);
  if (!object.is_object())
    return bad_frame("", std::nullopt, "a frame is an object; given: " + describe(object));

  FieldReader fields(object);
  const std::string type = fields.required("type", fields.text("type", kAnyText));
  if (fields.fault()) return bad_frame("", "type", fields.fault()->message);
  const auto known = std::ranges::find(kFrameTypes, type, &FrameType::name);
  if (known == kFrameTypes.end()) {
    return bad_frame(type, "type",
                     "type must be suggest, cancel, prefill or accept; given: " + describe(object["type"]));
  }

  ClientFrame frame = known->read(fields);
  if (fields.fault()) return bad_fields(type, object, *fields.fault());
  return frame;
}

Error without_request(Error error) {
  if (!error.id) return error;
  error.id.reset();
  error.frame = "suggest";
  return error;
}

}  // namespace inkfleet::proto
