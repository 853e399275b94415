#include "proto/traceparent.hpp"

#include <algorithm>

namespace inkfleet::proto {
namespace {

// "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
constexpr std::size_t kTraceAt = 3, kTraceSize = 32;
constexpr std::size_t kSpanAt = 36, kSpanSize = 16;
constexpr std::size_t kFlagsAt = 53, kFlagsSize = 2;
constexpr std::size_t kSize = 55;

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_id(std::string_view text) {
  return is_hex(text) && text.find_first_not_of('0') != text.npos;
}

}  // namespace

std::optional<Trace> parse_traceparent(std::string_view text) {
  if (text.size() < kSize || text[2] != '-' || text[kSpanAt - 1] != '-' || text[kFlagsAt - 1] != '-') {
    return std::nullopt;
  }
  const auto version = text.substr(0, 2), trace = text.substr(kTraceAt, kTraceSize),
             span = text.substr(kSpanAt, kSpanSize), flags = text.substr(kFlagsAt, kFlagsSize);
  const bool ends = text.size() == kSize || (version != "00" && text[kSize] == '-');
  if (!is_hex(version) || version == "ff" || !is_id(trace) || !is_id(span) || !is_hex(flags) || !ends) {
    return std::nullopt;
  }
  return Trace{std::string(trace), std::string(span), std::string(flags)};
}

std::string to_traceparent(const Trace& trace) {
  return "00-" + trace.trace_id + "-" + trace.span_id + "-" + trace.flags;
}

std::string trace_id_of(const std::optional<std::string>& traceparent) {
  const auto trace = traceparent ? parse_traceparent(*traceparent) : std::nullopt;
  return trace ? trace->trace_id : "";
}

}  // namespace inkfleet::proto
