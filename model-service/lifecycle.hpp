#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "model-service/health/error_latch.hpp"
#include "model-service/service/service_state.hpp"
#include "net/http_server.hpp"

/// How a service ends.
namespace inkfleet::service {

/// Exit status after a fatal error of the device: whoever supervises starts another process.
constexpr int kDeviceLostStatus = 70;

/// At SIGTERM or SIGINT: takes nothing new, lets what runs finish within `limit`, closes what is left with
/// 1012 and stops `io`. A second signal ends the process at once.
boost::asio::awaitable<void> drain_when_told(boost::asio::io_context& io, ServiceState& state,
                                             net::HttpServer& server, std::chrono::seconds limit);

/// At the first fatal error: takes nothing new, says so on /healthz for a moment, and ends the process.
boost::asio::awaitable<void> end_when_device_is_lost(const health::ErrorLatch& errors, ServiceState& state);

/// At each SIGHUP: `reload`, of `what`. If that throws, what was there stays, and the log says why.
boost::asio::awaitable<void> reload_at_hangup(std::string what, std::function<void()> reload);

/// Warns at once and every minute that faults can be ordered.
boost::asio::awaitable<void> warn_of_faults();

/// Ends the process with status 0 when tearing it down takes too long: a thread that hangs on its device
/// cannot be joined.
class TeardownLimit {
 public:
  ~TeardownLimit();

  /// From now on. Call once.
  void begin(std::chrono::milliseconds limit);

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  bool is_done_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace inkfleet::service
