#pragma once

#include <chrono>
#include <string>

/// Whether a service is alive in the sense that matters: a restart would not help. Pure; the time is passed
/// in.
namespace inkfleet::health {

using TimePoint = std::chrono::steady_clock::time_point;

struct Limits {
  std::chrono::milliseconds probe{3'000};  ///< since the device last answered
  std::chrono::milliseconds step{
      10'000};  ///< since the engine last began or ended a step, while work is pending
};

struct Observations {
  TimePoint last_probe;      ///< when the device last answered a probe in time
  bool engine_busy = false;  ///< work is pending
  TimePoint last_step;       ///< when the engine last showed progress
};

struct Verdict {
  bool healthy = true;
  std::string failed_check;  ///< "device" or "engine" when not healthy
  std::string detail;
};

/// A busy engine is healthy, an idle one too; one that has work and makes no progress is not.
Verdict judge(const Observations& observations, const Limits& limits, TimePoint now);

}  // namespace inkfleet::health
