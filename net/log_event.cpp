#include "net/log_event.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cctype>

#include "proto/json.hpp"

namespace inkfleet::net {

namespace {

thread_local const std::initializer_list<LogField>* line_fields = nullptr;

bool is_plain(std::string_view value) {
  constexpr std::string_view kOthers = "._:/-";
  return std::ranges::all_of(value, [&](unsigned char c) {
    return (c < 0x80 && std::isalnum(c)) || kOthers.find(static_cast<char>(c)) != kOthers.npos;
  });
}

}  // namespace

void log_event(spdlog::level::level_enum level, std::string_view message,
               std::initializer_list<LogField> fields) {
  line_fields = &fields;
  spdlog::log(level, "{}", message);
  line_fields = nullptr;
}

std::initializer_list<LogField> fields_of_line() {
  return line_fields != nullptr ? *line_fields : std::initializer_list<LogField>();
}

std::string fields_as_text(std::initializer_list<LogField> fields) {
  std::string text;
  for (const auto& [name, value] : fields) {
    if (value.empty()) continue;
    text += " ";
    text += name;
    text += "=";
    text += is_plain(value) ? value : proto::dump_json(value);
  }
  return text;
}

}  // namespace inkfleet::net
