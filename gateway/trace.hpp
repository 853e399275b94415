#pragma once

#include <optional>
#include <random>
#include <string>

namespace inkfleet::gateway {

/// The traceparent of a request that this gateway passes on: a span of its own in the trace of `parent`, or
/// in a new one when there is none or it cannot be read.
std::string continue_trace(const std::optional<std::string>& parent, std::mt19937_64& random);

}  // namespace inkfleet::gateway
