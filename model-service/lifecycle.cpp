#include "model-service/lifecycle.hpp"

#include <spdlog/spdlog.h>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <cstdlib>
#include <exception>

#include "net/program.hpp"

namespace inkfleet::service {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr auto kGoodbye = 2s;    // for the closing handshakes
constexpr auto kLook = 50ms;     // between two looks at what may have changed
constexpr auto kLastWords = 2s;  // health checks come every second
constexpr auto kFaultsReminder = 60s;

asio::awaitable<void> pause(std::chrono::milliseconds time) {
  asio::steady_timer timer(co_await asio::this_coro::executor, time);
  co_await timer.async_wait(asio::use_awaitable);
}

}  // namespace

asio::awaitable<void> drain_when_told(asio::io_context& io, ServiceState& state, net::HttpServer& server,
                                      std::chrono::seconds limit) {
  co_await net::termination_signal();
  state.draining = true;
  const auto end = std::chrono::steady_clock::now() + limit;
  while (state.dispatcher.live() > 0 && std::chrono::steady_clock::now() < end) co_await pause(kLook);
  if (const auto left = state.dispatcher.live(); left > 0) {
    spdlog::warn("{} requests are left after {} s: handed over (1012)", left, limit.count());
  }
  co_await server.stop(kGoodbye);
  io.stop();
}

asio::awaitable<void> end_when_device_is_lost(const health::ErrorLatch& errors, ServiceState& state) {
  while (errors.first() == nullptr) co_await pause(kLook);
  const auto& error = *errors.first();
  spdlog::critical("fatal device error {} ({}): {}; this process ends with status {}", error.name, error.code,
                   error.meaning, kDeviceLostStatus);
  state.device_lost = true;
  co_await pause(kLastWords);
  spdlog::default_logger()->flush();
  std::_Exit(kDeviceLostStatus);  // what a lost context holds cannot be taken down in order
}

asio::awaitable<void> reload_at_hangup(std::string what, std::function<void()> reload) {
  asio::signal_set hangup(co_await asio::this_coro::executor, SIGHUP);
  for (;;) {
    co_await hangup.async_wait(asio::use_awaitable);
    try {
      reload();
      spdlog::info("reload: the new {} is in use", what);
    } catch (const std::exception& wrong) {
      spdlog::error("reload: {}; the old {} stays", wrong.what(), what);
    }
  }
}

asio::awaitable<void> warn_of_faults() {
  for (;;) {
    spdlog::warn("FAULTS CAN BE ORDERED at POST /faults (--faults): never in production");
    co_await pause(kFaultsReminder);
  }
}

TeardownLimit::~TeardownLimit() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    is_done_ = true;
  }
  done_.notify_one();
  thread_.join();
}

void TeardownLimit::begin(std::chrono::milliseconds limit) {
  thread_ = std::thread([this, limit] {
    std::unique_lock lock(mutex_);
    if (done_.wait_for(lock, limit, [this] { return is_done_; })) return;
    spdlog::warn("a thread does not end: left behind");
    spdlog::default_logger()->flush();
    std::_Exit(EXIT_SUCCESS);
  });
}

}  // namespace inkfleet::service
