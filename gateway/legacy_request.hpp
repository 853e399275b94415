#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "gateway/router.hpp"

/// Messages of the existing editors (docs/protocol.md, "Existing editors"), read once and valid from there.
namespace inkfleet::gateway {

struct LegacyRequest {
  std::string prompt;  ///< trimmed, not blank
  std::string model;   ///< aliases resolved
  int batch_size = 5;
  int length = 40;
  double temperature = 0.7;
  int top_k = 10;    ///< 0 is off
  double top_p = 0;  ///< 0 is off
};

struct LegacyCancel {};

/// Answered with "Invalid Data Was Passed".
struct LegacyInvalid {
  std::string prompt;  ///< as sent; empty when it was no text
};

/// Not answered at all: not JSON, no message_type, or one that is not an editor's to send.
struct LegacyIgnored {};

using LegacyMessage = std::variant<LegacyRequest, LegacyCancel, LegacyInvalid, LegacyIgnored>;

LegacyMessage parse_legacy(std::string_view text, const Router& router);

}  // namespace inkfleet::gateway
