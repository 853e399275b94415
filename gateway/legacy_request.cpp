#include "gateway/legacy_request.hpp"

#include <charconv>
#include <cmath>
#include <optional>

#include "gateway/text_cleaner.hpp"
#include "proto/json.hpp"
#include "proto/limits.hpp"

namespace inkfleet::gateway {

namespace {

using proto::IntRange;
using proto::Json;
using proto::RealRange;

constexpr IntRange kBatchSize{1, 10};
constexpr IntRange kLength{1, 256};
constexpr RealRange kTemperature{0.1, 1.0};
constexpr IntRange kTopK{0, 40};
constexpr RealRange kTopP{0.0, 1.0};
constexpr std::string_view kDefaultModel = "gpt2-medium";

std::optional<double> number_in(std::string_view text) {
  text = strip(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = !text.empty() && error == std::errc{} && end == text.data() + text.size();
  return whole && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

/// The numbers of one message; `ok` turns false at the first that is of the wrong type or out of range.
struct Numbers {
  const Json& message;
  bool ok = true;

  std::optional<double> number(const char* field) {
    const auto found = message.find(field);
    if (found == message.end()) return std::nullopt;
    auto value =
        found->is_string() ? number_in(found->get_ref<const std::string&>()) : std::optional<double>();
    if (found->is_number()) value = found->get<double>();
    if (!value) ok = false;
    return value;
  }

  void read(const char* field, RealRange range, double& into) {
    const auto value = number(field);
    if (!value) return;
    if (*value < range.min || *value > range.max) ok = false;
    into = *value;
  }

  void read(const char* field, IntRange range, int& into) {
    double value = into;
    read(field, RealRange{static_cast<double>(range.min), static_cast<double>(range.max)}, value);
    if (value != std::floor(value)) ok = false;
    if (ok) into = static_cast<int>(value);
  }
};

std::string text_or_nothing(const Json& message, const char* field) {
  const auto found = message.find(field);
  return found != message.end() && found->is_string() ? found->get<std::string>() : "";
}

LegacyMessage parse_request(const Json& message, const Router& router) {
  LegacyInvalid invalid{text_or_nothing(message, "prompt")};
  LegacyRequest request;
  request.prompt = strip(invalid.prompt);
  Numbers numbers{message};
  numbers.read("batch_size", kBatchSize, request.batch_size);
  numbers.read("length", kLength, request.length);
  numbers.read("temperature", kTemperature, request.temperature);
  numbers.read("top_k", kTopK, request.top_k);
  numbers.read("top_p", kTopP, request.top_p);
  const auto name =
      message.contains("model_name") ? text_or_nothing(message, "model_name") : std::string(kDefaultModel);
  const auto model = router.model_named(name);
  if (!numbers.ok || !model || request.prompt.empty()) return invalid;
  request.model = *model;
  return request;
}

}  // namespace

LegacyMessage parse_legacy(std::string_view text, const Router& router) {
  const auto parsed = proto::parse_json(text);
  const auto* message = std::get_if<Json>(&parsed);
  if (!message || !message->is_object()) return LegacyIgnored{};
  const auto type = text_or_nothing(*message, "message_type");
  if (type == "new_request") return parse_request(*message, router);
  if (type == "cancel_request") return LegacyCancel{};
  return LegacyIgnored{};
}

}  // namespace inkfleet::gateway
