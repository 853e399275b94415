#pragma once

#include <chrono>
#include <optional>

namespace inkfleet::net {

/// Stands while a connection's session handles a message: what is sent meanwhile on other connections is
/// because of it. For measuring; each thread has its own.
class Handling {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  Handling(const void* connection, TimePoint read) : connection_(connection), read_(read) { now_ = this; }
  ~Handling() { now_ = nullptr; }

  Handling(const Handling&) = delete;
  Handling& operator=(const Handling&) = delete;

  /// When the message was read that is being handled; nothing when it is the connection's own, or there is
  /// none.
  static std::optional<TimePoint> read_elsewhere(const void* connection) {
    return now_ != nullptr && now_->connection_ != connection ? std::optional(now_->read_) : std::nullopt;
  }

 private:
  static inline thread_local const Handling* now_ = nullptr;

  const void* connection_;
  TimePoint read_;
};

}  // namespace inkfleet::net
