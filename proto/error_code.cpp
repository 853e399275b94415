#include "proto/error_code.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace inkfleet::proto {
namespace {

/// Both tables are in the order of their enumeration.
struct CodeRow {
  std::string_view name;
  int http_status;
};
constexpr std::array kCodes{
    CodeRow{"bad_request", 400},  CodeRow{"too_large", 413},  CodeRow{"unknown_model", 404},
    CodeRow{"unauthorized", 401}, CodeRow{"overloaded", 503}, CodeRow{"unavailable", 503},
    CodeRow{"deadline", 504},     CodeRow{"internal", 500},
};
constexpr std::array<std::string_view, 6> kReasons{"length",    "stop",     "end_of_text",
                                                   "cancelled", "deadline", "failed"};

static_assert(kCodes.size() == static_cast<std::size_t>(ErrorCode::kInternal) + 1);
static_assert(kReasons.size() == static_cast<std::size_t>(FinishReason::kFailed) + 1);

}  // namespace

std::string_view name(ErrorCode code) {
  return kCodes[static_cast<std::size_t>(code)].name;
}

std::optional<ErrorCode> error_code(std::string_view name) {
  const auto row = std::ranges::find(kCodes, name, &CodeRow::name);
  if (row == kCodes.end()) return std::nullopt;
  return static_cast<ErrorCode>(row - kCodes.begin());
}

std::string_view name(FinishReason reason) {
  return kReasons[static_cast<std::size_t>(reason)];
}

std::optional<FinishReason> finish_reason(std::string_view name) {
  const auto row = std::ranges::find(kReasons, name);
  if (row == kReasons.end()) return std::nullopt;
  return static_cast<FinishReason>(row - kReasons.begin());
}

int http_status(ErrorCode code, Overload overload) {
  if (code == ErrorCode::kOverloaded && overload == Overload::kCaller) return 429;
  return kCodes[static_cast<std::size_t>(code)].http_status;
}

}  // namespace inkfleet::proto
