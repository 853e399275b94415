#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace inkfleet::gateway {

/// What a path of the existing editors means: /ws/async/writeup/text_generation/session/<name>/ or its test
/// twin.
struct LegacyPath {
  std::string name;  ///< percent-decoded, 1 to 64 characters
  bool test = false;
};

/// Nothing when the path is none of these, or its name is not within bounds.
std::optional<LegacyPath> parse_legacy_path(std::string_view path);

}  // namespace inkfleet::gateway
