#include "gateway/trace.hpp"

#include <fmt/format.h>

#include "proto/traceparent.hpp"

namespace inkfleet::gateway {

namespace {

constexpr const char* kNotRecorded = "00";

/// 16 hexadecimal digits, not all of them 0.
std::string digits(std::mt19937_64& random) {
  return fmt::format("{:016x}", random() | 1U);
}

}  // namespace

std::string continue_trace(const std::optional<std::string>& parent, std::mt19937_64& random) {
  auto trace = parent ? proto::parse_traceparent(*parent) : std::nullopt;
  if (!trace)
    trace = proto::Trace{.trace_id = digits(random) + digits(random), .span_id = "", .flags = kNotRecorded};
  trace->span_id = digits(random);
  return proto::to_traceparent(*trace);
}

}  // namespace inkfleet::gateway
