#pragma once

#include "model-service/health/error_latch.hpp"
#include "model-service/health/prober.hpp"
#include "model-service/service/service_state.hpp"

namespace inkfleet::service {

/// Brings what the threads publish before the verdict. It waits for none of them, whatever they do. I/O
/// thread.
class ServiceHealth {
 public:
  /// All must outlive it.
  ServiceHealth(const ServiceState& state, const health::Prober& prober, const health::ErrorLatch& errors,
                health::Limits limits)
      : state_(state), prober_(prober), errors_(errors), limits_(limits) {}

  [[nodiscard]] health::Verdict verdict() const;

 private:
  const ServiceState& state_;
  const health::Prober& prober_;
  const health::ErrorLatch& errors_;
  health::Limits limits_;
};

}  // namespace inkfleet::service
