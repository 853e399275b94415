#include "bench/load/percentiles.hpp"

#include <algorithm>
#include <cassert>

namespace inkfleet::load {

double percentile(const std::vector<double>& sorted, std::size_t percent) {
  assert(!sorted.empty() && percent >= 1 && percent <= 100);
  return sorted[(percent * sorted.size() + 99) / 100 - 1];
}

std::optional<Percentiles> percentiles(std::vector<double> samples) {
  if (samples.empty()) return std::nullopt;
  std::ranges::sort(samples);
  return Percentiles{.count = samples.size(),
                     .p50 = percentile(samples, 50),
                     .p95 = percentile(samples, 95),
                     .p99 = percentile(samples, 99)};
}

}  // namespace inkfleet::load
