#pragma once

#include <chrono>
#include <optional>

#include "model-service/gpt2/packed_cache.hpp"

namespace inkfleet::gpt2 {

/// One start's use of the packed cache. What is wrong with the cache is said, not thrown: it costs time only.
class PackedSource {
 public:
  PackedSource(const PackedCacheOptions& options, const PackedKey& key, const WeightSizes& sizes);

  /// The weights, if they were kept.
  std::optional<WeightMemory> find() const;

  /// Keeps what was packed because there was none.
  void keep(const WeightMemory& memory) const;

 private:
  [[nodiscard]] std::string seconds() const;  ///< since the beginning: "0.21 s"

  const PackedCacheOptions& options_;
  WeightSizes sizes_;
  std::optional<PackedCache> cache_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace inkfleet::gpt2
