#pragma once

#include <atomic>

#include "model-service/health/device_error.hpp"

namespace inkfleet::health {

/// Holds the first fatal error for good: a lost context does not come back. Any thread.
class ErrorLatch {
 public:
  /// Errors that are not fatal pass by.
  void see(const DeviceError& error) {
    const DeviceError* none = nullptr;
    if (is_fatal(error.error_class)) first_.compare_exchange_strong(none, &error);
  }

  /// Null while there was none.
  [[nodiscard]] const DeviceError* first() const { return first_.load(); }

 private:
  std::atomic<const DeviceError*> first_ = nullptr;
};

}  // namespace inkfleet::health
