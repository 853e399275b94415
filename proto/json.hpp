#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>

/// JSON as every door of the project reads and writes it. Nothing here throws on odd input.
namespace inkfleet::proto {

using Json = nlohmann::json;

/// Arrays and objects may be nested this deep; no frame needs more than five.
inline constexpr std::size_t kJsonDepth = 32;

/// Why a text is no JSON, as one line for the one who sent it.
struct JsonFault {
  std::string message;
};

/// Reads one JSON value. An escaped surrogate without its partner is read as U+FFFD, of two equal keys the
/// last wins, whole numbers beyond 64 bits become doubles. Refused are NaN, infinities, numbers beyond a
/// double, text that is not UTF-8, nesting beyond kJsonDepth, and anything after the value.
std::variant<Json, JsonFault> parse_json(std::string_view text);

/// Writes a value compactly; what is not UTF-8 in its strings becomes U+FFFD.
std::string dump_json(const Json& value);

/// Appends `text` as a JSON string with its quotes; what is not UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

}  // namespace inkfleet::proto
