#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "model-service/health/verdict.hpp"

namespace inkfleet::health {

/// Asks the device for a sign of life, again and again, on a thread of its own: a device that hangs holds up
/// this thread and nothing else.
class Prober {
 public:
  /// `probe` computes something tiny on the device and returns whether the result was right; called on the
  /// prober's thread only.
  Prober(std::function<bool()> probe, std::chrono::milliseconds interval);
  ~Prober();

  /// When the device last answered rightly. From any thread.
  [[nodiscard]] TimePoint last_answer() const { return last_answer_.load(std::memory_order_relaxed); }

 private:
  void run();

  std::function<bool()> probe_;
  std::chrono::milliseconds interval_;
  std::atomic<TimePoint> last_answer_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace inkfleet::health
