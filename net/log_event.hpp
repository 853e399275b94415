#pragma once

#include <spdlog/common.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "proto/json.hpp"

namespace inkfleet::net {

/// What a log line says beside its message.
struct LogField {
  std::string_view name;
  proto::Json value;  ///< text or a number

  /// Empty text is left out.
  [[nodiscard]] bool absent() const { return value == ""; }
};

/// Logs an event with fields. As text: "message name=value name=value", odd values as JSON strings; as JSON,
/// each field is a member beside the message.
void log_event(spdlog::level::level_enum level, std::string_view message,
               std::initializer_list<LogField> fields);

/// The fields of the line that this thread is writing, for the log's formatters; none for other lines.
std::initializer_list<LogField> fields_of_line();

/// The fields as text.
std::string fields_as_text(std::initializer_list<LogField> fields);

}  // namespace inkfleet::net
