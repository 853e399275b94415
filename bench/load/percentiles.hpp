#pragma once

#include <cstddef>
#include <optional>
#include <vector>

namespace inkfleet::load {

/// Percentiles of recorded samples: by nearest rank, so each is a value that was measured.
struct Percentiles {
  std::size_t count = 0;
  double p50 = 0, p95 = 0, p99 = 0;
};

/// The smallest of `sorted` that at least `percent` in a hundred do not exceed. `sorted` must not be empty,
/// `percent` is 1 to 100.
double percentile(const std::vector<double>& sorted, std::size_t percent);

/// Nothing of no samples.
std::optional<Percentiles> percentiles(std::vector<double> samples);

}  // namespace inkfleet::load
