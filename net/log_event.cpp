#include "net/log_event.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cctype>

namespace inkfleet::net {

namespace {

thread_local const std::initializer_list<LogField>* line_fields = nullptr;

bool is_plain(const proto::Json& value) {
  if (!value.is_string()) return false;
  constexpr std::string_view kOthers = "._:/-";
  return std::ranges::all_of(value.get_ref<const std::string&>(), [&](unsigned char c) {
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
  for (const auto& field : fields) {
    if (field.absent()) continue;
    text += " ";
    text += field.name;
    text += "=";
    text += is_plain(field.value) ? field.value.get<std::string>() : proto::dump_json(field.value);
  }
  return text;
}

}  // namespace inkfleet::net
