#include "net/supervisor.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/datagram_protocol.hpp>
#include <charconv>
#include <cstdlib>
#include <string>
#include <utility>

namespace inkfleet::net {

namespace {

using std::chrono::microseconds;

constexpr int kFeedings = 3;  // within a limit: two may be late

/// A whole number from the environment; 0 when there is none.
long number_in(const char* variable) {
  const char* const value = std::getenv(variable);
  const std::string_view text = value == nullptr ? "" : value;
  long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? number : 0;
}

/// WatchdogSec; 0 when there is none, or it is meant for another process.
microseconds watchdog_limit() {
  const long pid = number_in("WATCHDOG_PID");
  return microseconds(pid == 0 || pid == getpid() ? number_in("WATCHDOG_USEC") : 0);
}

}  // namespace

void notify_supervisor(std::string_view state) {
  const char* const address = std::getenv("NOTIFY_SOCKET");
  if (address == nullptr) return;
  std::string path = address;
  if (path.starts_with('@')) path[0] = '\0';  // an abstract name
  boost::system::error_code error;
  asio::io_context io;
  asio::local::datagram_protocol::socket socket(io, asio::local::datagram_protocol());
  socket.send_to(asio::buffer(state), path, 0, error);
  if (error) spdlog::warn("NOTIFY_SOCKET {}: {} was not sent: {}", address, state, error.message());
}

WatchdogFeed::WatchdogFeed(const asio::any_io_executor& executor, std::function<bool()> is_well)
    : is_well_(std::move(is_well)), interval_(watchdog_limit() / kFeedings), timer_(executor) {
  if (interval_ <= microseconds(0)) return;
  timer_.expires_after(microseconds(0));
  feed();
}

void WatchdogFeed::feed() {
  timer_.async_wait([this](const boost::system::error_code& stopped) {
    if (stopped) return;
    if (is_well_()) notify_supervisor("WATCHDOG=1");
    timer_.expires_after(interval_);
    feed();
  });
}

void WatchdogFeed::stop() {
  interval_ = microseconds(0);
  timer_.cancel();
}

}  // namespace inkfleet::net
