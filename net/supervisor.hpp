#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <string_view>

#include "net/aliases.hpp"

/// What systemd is told by a service of `Type=notify` (sd_notify(3)). Without NOTIFY_SOCKET and WATCHDOG_USEC
/// in the environment nothing happens.
namespace inkfleet::net {

/// Sends `state`: "READY=1", "STOPPING=1", "WATCHDOG=1".
void notify_supervisor(std::string_view state);

/// Says three times within each WatchdogSec that the program is well, as long as `is_well`; systemd replaces
/// a program that stops saying so. It runs on the thread that serves, so one that hangs says nothing either.
/// Until stop() or its end it is work of the executor, which has some as long as it feeds.
class WatchdogFeed {
 public:
  WatchdogFeed(const asio::any_io_executor& executor, std::function<bool()> is_well);

  void stop();

 private:
  void feed();

  std::function<bool()> is_well_;
  std::chrono::microseconds interval_;
  asio::steady_timer timer_;
};

}  // namespace inkfleet::net
