#include "proto/field_reader.hpp"

#include <cmath>
#include <limits>

namespace inkfleet::proto {
namespace {

constexpr std::size_t kShownBytes = 40;

/// 0.7 as "0.7", 2.0 as "2".
std::string describe(double value) {
  std::string digits = Json(value).dump();
  if (digits.ends_with(".0")) digits.resize(digits.size() - 2);
  return digits;
}

std::string describe(RealRange range) {
  return "a number from " + describe(range.min) + " to " + describe(range.max);
}

std::string describe(TextRange range) {
  if (range.max == std::numeric_limits<std::size_t>::max()) return "text";
  return "text of " + std::to_string(range.min) + " to " + std::to_string(range.max) + " bytes";
}

}  // namespace

std::string describe(IntRange range) {
  return "a whole number from " + std::to_string(range.min) + " to " + std::to_string(range.max);
}

std::string describe(const Json& value) {
  if (value.is_array()) return "an array";
  if (value.is_object()) return "an object";
  if (value.is_string() && value.get_ref<const std::string&>().size() > kShownBytes) {
    return "text of " + std::to_string(value.get_ref<const std::string&>().size()) + " bytes";
  }
  return dump_json(value);
}

std::optional<std::int64_t> whole_number(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    if (number > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) return std::nullopt;
    return static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (!value.is_number_float()) return std::nullopt;
  const auto number = value.get<double>();
  if (std::trunc(number) != number || std::abs(number) >= 0x1p63) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::variant<std::vector<TokenId>, std::string> read_token_ids(const Json& list) {
  constexpr IntRange kTokenId{0, std::numeric_limits<TokenId>::max()};
  std::vector<TokenId> ids;
  for (const Json& item : list) {
    const auto id = whole_number(item);
    if (!id || *id < kTokenId.min || *id > kTokenId.max) {
      return "a token must be " + describe(kTokenId) + "; given: " + describe(item);
    }
    ids.push_back(static_cast<TokenId>(*id));
  }
  return ids;
}

std::optional<std::int64_t> FieldReader::integer(std::string_view name, IntRange range) {
  const Json* value = find(name);
  if (!value) return std::nullopt;
  const auto number = whole_number(*value);
  if (number && *number >= range.min && *number <= range.max) return number;
  refuse(name, describe(range), *value);
  return std::nullopt;
}

std::optional<int> FieldReader::small_integer(std::string_view name, IntRange range) {
  const auto number = integer(name, range);
  return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

std::vector<std::string> FieldReader::texts(std::string_view name, std::size_t most, TextRange range) {
  std::vector<std::string> texts;
  const Json* items = list(name);
  if (!items) return texts;
  const auto refuse_them = [&](const std::string& given) {
    fail(name, std::string(name) + " must be up to " + std::to_string(most) + " strings of " +
                   std::to_string(range.min) + " to " + std::to_string(range.max) +
                   " bytes; given: " + given);
    return std::vector<std::string>();
  };
  if (items->size() > most) return refuse_them(std::to_string(items->size()) + " of them");
  for (const Json& item : *items) {
    if (!item.is_string()) return refuse_them(describe(item));
    const auto& text = item.get_ref<const std::string&>();
    if (text.size() < range.min || text.size() > range.max) return refuse_them(describe(item));
    texts.push_back(text);
  }
  return texts;
}

std::optional<double> FieldReader::real(std::string_view name, RealRange range) {
  const Json* value = find(name);
  if (!value) return std::nullopt;
  if (value->is_number()) {
    const auto number = value->get<double>();
    if (number >= range.min && number <= range.max) return number;
  }
  refuse(name, describe(range), *value);
  return std::nullopt;
}

std::optional<bool> FieldReader::flag(std::string_view name) {
  const Json* value = find(name);
  if (!value) return std::nullopt;
  if (value->is_boolean()) return value->get<bool>();
  refuse(name, "true or false", *value);
  return std::nullopt;
}

std::optional<std::string> FieldReader::text(std::string_view name, TextRange range) {
  const Json* value = find(name);
  if (!value) return std::nullopt;
  if (value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    if (text.size() >= range.min && text.size() <= range.max) return text;
  }
  refuse(name, describe(range), *value);
  return std::nullopt;
}

const Json* FieldReader::list(std::string_view name) {
  const Json* value = find(name);
  if (!value || value->is_array()) return value;
  refuse(name, "a list", *value);
  return nullptr;
}

const Json* FieldReader::object(std::string_view name) {
  const Json* value = find(name);
  if (!value || value->is_object()) return value;
  refuse(name, "an object", *value);
  return nullptr;
}

void FieldReader::fail(std::string_view name, std::string message) {
  if (!fault_) fault_ = Fault{std::string(name), std::move(message)};
}

const Json* FieldReader::find(std::string_view name) const {
  const auto field = object_.find(name);
  return field == object_.end() || field->is_null() ? nullptr : &*field;
}

void FieldReader::refuse(std::string_view name, const std::string& expected, const Json& given) {
  fail(name, std::string(name) + " must be " + expected + "; given: " + describe(given));
}

}  // namespace inkfleet::proto
