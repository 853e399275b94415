#include "tokenizer/loading.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace inkfleet::tokenizer {
namespace {

constexpr std::size_t kShownLength = 80;
constexpr int kShownLevels = 4;

/// A file may nest as deeply as it likes, and the JSON library writes by recursion.
bool nests_deeper(const nlohmann::json& value, int levels) {
  return value.is_structured() &&
         (levels == 0 || std::any_of(value.begin(), value.end(), [levels](const nlohmann::json& element) {
            return nests_deeper(element, levels - 1);
          }));
}

}  // namespace

void fail(const std::string& place, const std::string& expected, const std::string& found) {
  throw std::runtime_error(place + ": expected " + expected + ", found " + found);
}

std::string read_file(const std::filesystem::path& file) {
  std::error_code error;
  const auto type = std::filesystem::status(file, error).type();
  if (type == std::filesystem::file_type::not_found) fail(file.string(), "a file", "nothing of that name");
  if (type == std::filesystem::file_type::directory) fail(file.string(), "a file", "a folder");
  std::ifstream stream(file, std::ios::binary);
  if (!stream) fail(file.string(), "a readable file", "one that cannot be opened");
  std::ostringstream content;
  content << stream.rdbuf();
  return std::move(content).str();
}

nlohmann::json read_json_object(const std::filesystem::path& file) {
  const std::string content = read_file(file);
  nlohmann::json json;
  try {
    json = nlohmann::json::parse(content);
  } catch (const nlohmann::json::parse_error& error) {
    fail(file.string(), "JSON",
         "an error at byte " + std::to_string(error.byte) + " of " + std::to_string(content.size()) +
             " (is the file complete?)");
  } catch (const nlohmann::json::out_of_range&) {
    fail(file.string(), "JSON", "a number beyond what a double holds");
  }
  if (!json.is_object()) fail(file.string(), "a JSON object", shown(json));
  return json;
}

std::string shown(const nlohmann::json& value) {
  if (value.is_structured() && (value.size() > 8 || nests_deeper(value, kShownLevels))) {
    return std::string(value.type_name()) + " of " + std::to_string(value.size()) +
           (value.size() == 1 ? " element" : " elements");
  }
  const std::string text = value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return text.size() <= kShownLength ? text : text.substr(0, kShownLength) + "...";
}

bool read_bool(const nlohmann::json& object, const std::string& key, bool fallback,
               const std::string& place) {
  const auto value = object.find(key);
  if (value == object.end()) return fallback;
  if (!value->is_boolean()) fail(place + key, "true or false", shown(*value));
  return value->get<bool>();
}

std::vector<std::pair<std::string, std::int64_t>> read_vocabulary(const nlohmann::json& object,
                                                                  const std::string& place) {
  if (!object.is_object()) fail(place, "an object of tokens and ids", shown(object));
  std::vector<std::pair<std::string, std::int64_t>> vocabulary;
  vocabulary.reserve(object.size());
  for (const auto& [token, id] : object.items()) {
    if (!id.is_number_integer()) fail(place + "[" + shown(token) + "]", "an id", shown(id));
    vocabulary.emplace_back(token, id.get<std::int64_t>());
  }
  return vocabulary;
}

AddedToken read_added_token(const nlohmann::json& object, const std::string& place) {
  if (!object.is_object()) fail(place, "an object with the token's content and flags", shown(object));
  const auto content = object.find("content");
  if (content == object.end() || !content->is_string() || content->get_ref<const std::string&>().empty()) {
    fail(place + ".content", "the text of the token", content == object.end() ? "nothing" : shown(*content));
  }
  AddedToken token;
  token.content = content->get<std::string>();
  token.special = read_bool(object, "special", false, place + ".");
  token.lstrip = read_bool(object, "lstrip", false, place + ".");
  token.rstrip = read_bool(object, "rstrip", false, place + ".");
  token.single_word = read_bool(object, "single_word", false, place + ".");
  token.normalized = read_bool(object, "normalized", !token.special, place + ".");
  return token;
}

TokenId checked_id(std::int64_t id, const std::string& place) {
  if (id < 0 || id > std::numeric_limits<TokenId>::max()) {
    fail(place, "an id from 0 to 2147483647", std::to_string(id));
  }
  return static_cast<TokenId>(id);
}

}  // namespace inkfleet::tokenizer
