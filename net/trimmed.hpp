#pragma once

#include <string_view>

namespace inkfleet::net {

/// Without the characters of `blank` at both ends.
inline std::string_view trimmed(std::string_view text, std::string_view blank) {
  const auto first = text.find_first_not_of(blank);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(blank) + 1 - first);
}

}  // namespace inkfleet::net
