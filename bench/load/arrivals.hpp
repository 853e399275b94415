#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace inkfleet::load {

enum class ArrivalProcess {
  kPoisson,  ///< independent arrivals: exponential gaps
  kUniform,  ///< evenly spaced
};

/// When requests arrive, counted from the start of a run. An open loop: nothing that becomes of a request
/// moves a later one. The same process, rate and seed give the same schedule on every machine.
class Arrivals {
 public:
  /// `rate` is in requests a second, above 0.
  Arrivals(ArrivalProcess process, double rate, std::uint64_t seed)
      : process_(process), rate_(rate), random_(seed) {}

  /// The next arrival; never before the last one.
  std::chrono::nanoseconds next();

 private:
  double next_seconds();

  ArrivalProcess process_;
  double rate_;
  std::mt19937_64 random_;
  std::uint64_t count_ = 0;
  double poisson_s_ = 0;
};

}  // namespace inkfleet::load
