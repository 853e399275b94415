#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "model-service/health/verdict.hpp"

namespace inkfleet::health {

/// What a probe of the device found.
struct ProbeAnswer {
  bool right = false;                  ///< the result is the one expected
  const DeviceError* error = nullptr;  ///< what the device reported instead of a result
};

/// Computes something tiny on the device. May take its time; may hang; may throw.
using Probe = std::function<ProbeAnswer()>;

/// Asks the device for a sign of life, again and again, on a thread of its own: a device that hangs holds up
/// this thread and nothing else.
class Prober {
 public:
  /// Hears of every error an answer brought, on the prober's thread.
  using OnError = std::function<void(const DeviceError&)>;

  /// `probe` is called on the prober's thread only.
  Prober(Probe probe, std::chrono::milliseconds interval, OnError on_error);
  ~Prober();

  /// From any thread; never waits for the device.
  [[nodiscard]] ProbeReport report() const;

 private:
  void run();
  void ask(std::unique_lock<std::mutex>& lock);
  ProbeAnswer careful_answer();

  Probe probe_;
  std::chrono::milliseconds interval_;
  OnError on_error_;
  mutable std::mutex mutex_;  // held for moments, never during a probe
  std::condition_variable wake_;
  ProbeReport report_;     // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace inkfleet::health
