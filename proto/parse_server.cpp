#include <algorithm>
#include <array>
#include <limits>

#include "proto/error_code.hpp"
#include "proto/field_reader.hpp"
#include "proto/parse.hpp"

namespace inkfleet::proto {
namespace {

constexpr TextRange kAnyText{0, std::numeric_limits<std::size_t>::max()};
constexpr IntRange kCount{0, std::numeric_limits<int>::max()};
constexpr RealRange kAnyReal{std::numeric_limits<double>::lowest(), std::numeric_limits<double>::max()};

std::string text(FieldReader& fields, std::string_view name) {
  return fields.required(name, fields.text(name, kAnyText));
}

int count(FieldReader& fields, std::string_view name) {
  return static_cast<int>(fields.required(name, fields.integer(name, kCount)));
}

double real(FieldReader& fields, std::string_view name) {
  return fields.required(name, fields.real(name, kAnyReal));
}

std::uint64_t seed(FieldReader& fields) {
  return fields.required("seed", fields.integer("seed", limits::kSeed));
}

/// The items of a list; none when there is no list.
const Json& items(FieldReader& fields, std::string_view name) {
  static const Json kNone = Json::array();
  const Json* list = fields.list(name);
  return list ? *list : kNone;
}

/// Reads an object inside a frame with `read(FieldReader&)`; what is wrong with it is wrong with the frame.
template <typename Read>
auto nested(FieldReader& fields, std::string_view name, Read read) {
  static const Json kEmpty = Json::object();
  const Json* object = fields.object(name);
  FieldReader inner(object ? *object : kEmpty);
  auto value = read(inner);
  if (inner.fault()) fields.fail(name, inner.fault()->message);
  return value;
}

TokenId token(FieldReader& fields, std::string_view name, const Json& value) {
  const auto id = whole_number(value);
  if (!id || *id < 0 || *id > std::numeric_limits<TokenId>::max()) {
    fields.fail(name, "not a token: " + describe(value));
    return 0;
  }
  return static_cast<TokenId>(*id);
}

/// A logarithm of 0 is null on the wire, which has no infinity.
double logprob(FieldReader& fields, const Json& value) {
  if (value.is_null()) return -std::numeric_limits<double>::infinity();
  if (value.is_number()) return value.get<double>();
  fields.fail("logprobs", "not a number: " + describe(value));
  return 0;
}

/// The texts of a token and its alternatives; none when they are not there, or not as many.
void read_texts(const Json& item, TokenLogprob& result) {
  FieldReader texts(item);
  result.text = texts.text("text", kAnyText).value_or("");
  for (const Json& text : items(texts, "top_texts")) {
    if (text.is_string()) result.top_texts.push_back(text.get<std::string>());
  }
  if (result.top_texts.size() != result.top.size()) result.top_texts.clear();
}

TokenLogprob token_logprob(FieldReader& fields, const Json& item) {
  TokenLogprob result;
  if (!item.is_object() || !item.contains("logprob") || !item.contains("top") || !item["top"].is_array()) {
    fields.fail("logprobs", "an entry must have logprob and top");
    return result;
  }
  result.logprob = logprob(fields, item["logprob"]);
  for (const Json& pair : item["top"]) {
    if (!pair.is_array() || pair.size() != 2) {
      fields.fail("logprobs", "top must hold pairs");
      break;
    }
    result.top.emplace_back(token(fields, "logprobs", pair[0]), logprob(fields, pair[1]));
  }
  read_texts(item, result);
  return result;
}

ServerFrame read_queued(FieldReader& fields) {
  return Queued{.id = text(fields, "id"), .position = count(fields, "position")};
}

ServerFrame read_started(FieldReader& fields) {
  return Started{.id = text(fields, "id"),
                 .model = text(fields, "model"),
                 .seed = seed(fields),
                 .exact = fields.required("exact", fields.flag("exact")),
                 .prompt_tokens = count(fields, "prompt_tokens"),
                 .cached_tokens = count(fields, "cached_tokens"),
                 .dropped_tokens = count(fields, "dropped_tokens"),
                 .prompt = fields.text("prompt", kAnyText)};
}

ServerFrame read_delta(FieldReader& fields) {
  Delta delta{.id = text(fields, "id"),
              .index = count(fields, "index"),
              .offset = count(fields, "offset"),
              .text = text(fields, "text")};
  if (!fields.list("tokens")) fields.fail("tokens", "tokens is missing");
  for (const Json& item : items(fields, "tokens")) delta.tokens.push_back(token(fields, "tokens", item));
  for (const Json& item : items(fields, "logprobs")) delta.logprobs.push_back(token_logprob(fields, item));
  if (!delta.logprobs.empty() && delta.logprobs.size() != delta.tokens.size()) {
    fields.fail("logprobs", "not one a token");
  }
  return delta;
}

ServerFrame read_finished(FieldReader& fields) {
  const auto reason = finish_reason(text(fields, "reason"));
  return Finished{.id = text(fields, "id"),
                  .index = count(fields, "index"),
                  .reason = reason.value_or(FinishReason::kFailed)};
}

Usage read_usage(FieldReader& fields) {
  return {.prompt_tokens = count(fields, "prompt_tokens"),
          .cached_tokens = count(fields, "cached_tokens"),
          .completion_tokens = count(fields, "completion_tokens")};
}

Timing read_timing(FieldReader& fields) {
  return {
      .queue = real(fields, "queue"), .prefill = real(fields, "prefill"), .decode = real(fields, "decode")};
}

Engine read_engine(FieldReader& fields) {
  return {.version = text(fields, "version"),
          .device = text(fields, "device"),
          .dtype = text(fields, "dtype"),
          .instruction_set = text(fields, "instruction_set")};
}

Receipt read_receipt(FieldReader& fields) {
  return {.model = text(fields, "model"),
          .weights = text(fields, "weights"),
          .engine = nested(fields, "engine", read_engine),
          .seed = seed(fields)};
}

ServerFrame read_completed(FieldReader& fields) {
  return Completed{.id = text(fields, "id"),
                   .usage = nested(fields, "usage", read_usage),
                   .timing = nested(fields, "timing_ms", read_timing),
                   .receipt = nested(fields, "receipt", read_receipt)};
}

ServerFrame read_prefilled(FieldReader& fields) {
  return Prefilled{.document = text(fields, "document"),
                   .id = fields.text("id", kAnyText),
                   .prompt_tokens = count(fields, "prompt_tokens"),
                   .cached_tokens = count(fields, "cached_tokens")};
}

ServerFrame read_error(FieldReader& fields) {
  Error error{.code = error_code(text(fields, "code")).value_or(ErrorCode::kInternal),
              .message = text(fields, "message"),
              .id = fields.text("id", kAnyText),
              .frame = fields.text("frame", kAnyText),
              .field = fields.text("field", kAnyText)};
  if (const auto retry = fields.integer("retry_after_ms", kCount))
    error.retry_after = std::chrono::milliseconds(*retry);
  return error;
}

struct FrameType {
  std::string_view name;
  ServerFrame (*read)(FieldReader&);
};
constexpr std::array kFrameTypes{
    FrameType{"queued", read_queued},       FrameType{"started", read_started},
    FrameType{"delta", read_delta},         FrameType{"finished", read_finished},
    FrameType{"completed", read_completed}, FrameType{"prefilled", read_prefilled},
    FrameType{"error", read_error},
};

}  // namespace

std::optional<ServerFrame> parse_server_frame(std::string_view frame) {
  const auto parsed = parse_json(frame);
  const Json* object = std::get_if<Json>(&parsed);
  if (!object || !object->is_object()) return std::nullopt;
  FieldReader fields(*object);
  const auto known = std::ranges::find(kFrameTypes, text(fields, "type"), &FrameType::name);
  if (known == kFrameTypes.end()) return std::nullopt;
  ServerFrame result = known->read(fields);
  if (fields.fault()) return std::nullopt;
  return result;
}

}  // namespace inkfleet::proto
