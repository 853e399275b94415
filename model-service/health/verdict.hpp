#pragma once

#include <array>
#include <chrono>
#include <string>
#include <string_view>

#include "model-service/health/device_error.hpp"

/// Whether a service is alive in the sense that matters: a restart would not help. Pure; the time is passed
/// in.
namespace inkfleet::health {

using TimePoint = std::chrono::steady_clock::time_point;

/// The contract's: a hang is seen at most so long after it began.
constexpr std::chrono::milliseconds kHangSeen{3'000};
/// Between an answer of the device and the next question.
constexpr std::chrono::milliseconds kProbeInterval{500};

struct Limits {
  /// For one answer of the device. A hang that begins right after an answer is seen an interval later.
  std::chrono::milliseconds probe{2'000};
  /// Since the engine last began or ended a step, while work is pending.
  std::chrono::milliseconds step = kHangSeen - kProbeInterval;
};

/// What the device said, and whether it has been asked again.
struct ProbeReport {
  bool waiting = false;                ///< a question is out
  TimePoint asked;                     ///< when, if so
  bool right = true;                   ///< the last answer came in time and was right, or there was none yet
  const DeviceError* error = nullptr;  ///< what the device reported instead
};

struct Observations {
  ProbeReport probe;
  bool engine_busy = false;            ///< work is pending
  TimePoint last_step;                 ///< when the engine last showed progress
  const DeviceError* fatal = nullptr;  ///< the latched error
};

/// One thing that can be wrong.
struct Check {
  std::string_view name;  ///< "error", "device", "engine"
  std::string failure;    ///< what is wrong, for a person; empty: nothing
};

/// All checks, the most telling first.
using Verdict = std::array<Check, 3>;

/// A busy engine is healthy, an idle one too; one that has work and makes no progress is not. A device that
/// is slow to answer is healthy up to its deadline.
Verdict judge(const Observations& observations, const Limits& limits, TimePoint now);

/// The check to name when asked for health; null when all is well.
const Check* failed_check(const Verdict& verdict);

}  // namespace inkfleet::health
