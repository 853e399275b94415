#pragma once

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace inkfleet::gpt2 {

/// The number format of the matrix products; all else is in fp32.
enum class ComputeType { kFp32, kBf16, kInt8 };

/// As flags and receipts name them.
inline constexpr std::array<std::pair<std::string_view, ComputeType>, 3> kComputeTypes{
    {{"fp32", ComputeType::kFp32}, {"bf16", ComputeType::kBf16}, {"int8", ComputeType::kInt8}}};

inline std::string_view name(ComputeType type) {
  return std::ranges::find(kComputeTypes, type, [](const auto& entry) { return entry.second; })->first;
}

/// Throws std::invalid_argument when none is named so.
inline ComputeType compute_type(std::string_view name) {
  const auto* const found =
      std::ranges::find(kComputeTypes, name, [](const auto& entry) { return entry.first; });
  if (found == kComputeTypes.end()) {
    throw std::invalid_argument("dtype: expected fp32, bf16 or int8, found " + std::string(name));
  }
  return found->second;
}

}  // namespace inkfleet::gpt2
