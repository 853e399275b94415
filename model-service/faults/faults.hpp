#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "model-service/health/device_error.hpp"
#include "proto/frames.hpp"

/// Faults on demand, to see that the service and what stands before it bear them. They act in the device
/// layer, below everything that judges health.
namespace inkfleet::faults {

inline constexpr proto::TokenId kNoToken = -1;

/// What shall go wrong.
struct FaultPlan {
  bool hang_engine = false;                           ///< the next step never ends
  bool hang_device = false;                           ///< neither a step nor a probe ends
  const health::DeviceError* device_error = nullptr;  ///< every step and every probe reports it
  int out_of_memory = 0;                              ///< so many steps find no memory
  std::chrono::milliseconds slow_steps{0};            ///< added to every step
  int drop_connection_after = 0;                      ///< tokens until the connection that sends them breaks
  bool exit_mid_step = false;                         ///< the next step kills the process
  proto::TokenId exit_on_token = kNoToken;            ///< a step that is fed it kills the process

  /// The names of what is on.
  [[nodiscard]] std::vector<std::string_view> active() const;
};

/// Where the plan is changed, and where the device layer meets it. Any thread.
class Faults {
 public:
  [[nodiscard]] FaultPlan plan() const;

  /// What hangs wakes up if the new plan lets it. A device error stays: a lost context does not come back.
  void set(FaultPlan plan);

  /// At the beginning of a step: hangs, waits, throws or ends the process as the plan says.
  void meet_step();

  /// These tokens are about to be fed.
  void meet_tokens(std::span<const proto::TokenId> tokens) const;

  /// At the beginning of a probe: hangs, or returns the error the device reports.
  const health::DeviceError* meet_probe();

  /// So many tokens are about to be sent: whether this breaks the connection.
  bool breaks_connection(int tokens);

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  FaultPlan plan_;  // guarded by mutex_
};

}  // namespace inkfleet::faults
