#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace inkfleet::proto {

/// Where a request stands in a trace, as W3C Trace Context has it (https://www.w3.org/TR/trace-context/).
struct Trace {
  std::string trace_id;  ///< 32 hexadecimal digits: the same from editor to token
  std::string span_id;   ///< 16: of who asks
  std::string flags;     ///< 2
};

/// Reads "00-<trace id>-<span id>-<flags>"; nothing if it is none, which means that a new trace begins. Of
/// later versions the part that this one knows is read.
std::optional<Trace> parse_traceparent(std::string_view text);

/// What parse_traceparent() reads, in version 00.
std::string to_traceparent(const Trace& trace);

/// The trace's id: what a request is called in the logs of all programs. Empty when there is none.
std::string trace_id_of(const std::optional<std::string>& traceparent);

}  // namespace inkfleet::proto
