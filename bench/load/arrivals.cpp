#include "bench/load/arrivals.hpp"

#include <cmath>

namespace inkfleet::load {

std::chrono::nanoseconds Arrivals::next() {
  return std::chrono::nanoseconds(std::llround(next_seconds() * 1e9));
}

double Arrivals::next_seconds() {
  // Multiplied rather than summed up: the thousandth arrival is where it belongs.
  if (process_ == ArrivalProcess::kUniform) return static_cast<double>(count_++) / rate_;
  // By inversion, because std::exponential_distribution differs between standard libraries.
  const double uniform = static_cast<double>(random_() >> 11U) * 0x1p-53;  // [0, 1)
  poisson_s_ -= std::log1p(-uniform) / rate_;
  return poisson_s_;
}

}  // namespace inkfleet::load
