#pragma once

#include <optional>
#include <string_view>

#include "proto/frames.hpp"

/// Error codes and finish reasons as the wire names them.
namespace inkfleet::proto {

/// "bad_request", "too_large", ...
std::string_view name(ErrorCode code);
std::optional<ErrorCode> error_code(std::string_view name);

/// "length", "stop", "end_of_text", ...
std::string_view name(FinishReason reason);
std::optional<FinishReason> finish_reason(std::string_view name);

/// Whose limit an `overloaded` is about.
enum class Overload { kService, kCaller };

/// The HTTP status an error has on an HTTP door. `overload` matters to `overloaded` alone: a full service is
/// 503, a limit of the caller's own 429.
int http_status(ErrorCode code, Overload overload = Overload::kService);

}  // namespace inkfleet::proto
