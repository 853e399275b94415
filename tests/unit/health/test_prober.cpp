#include <gmock/gmock.h>

#include <atomic>
#include <future>

#include "model-service/health/prober.hpp"

namespace inkfleet::health {
namespace {

using namespace std::chrono_literals;

template <class Condition>
bool comes_true(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

TEST(Prober, ReportsWhatTheDeviceSaidLast) {
  std::atomic<const DeviceError*> error = &device_error(35);
  std::atomic<int> heard = 0;
  const Prober prober([&] { return ProbeAnswer{.right = error == nullptr, .error = error}; }, 1ms,
                      [&](const DeviceError& seen) { heard = seen.code; });
  ASSERT_TRUE(comes_true([&] { return !prober.report().right; }));
  EXPECT_EQ(prober.report().error, &device_error(35));
  EXPECT_EQ(heard, 35);
  error = nullptr;
  EXPECT_TRUE(comes_true([&] { return prober.report().right; }));
}

// Break: hold the lock during the probe, and report() waits with it.
TEST(Prober, ADeviceThatHangsHoldsUpNobodyElse) {
  std::promise<void> hanging;
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  const Prober prober(
      [&, first = true]() mutable {
        if (std::exchange(first, false)) {
          hanging.set_value();
          released.wait();
        }
        return ProbeAnswer{.right = true};
      },
      1ms, [](const DeviceError&) {});
  ASSERT_EQ(hanging.get_future().wait_for(20s), std::future_status::ready);
  auto asked = std::async(std::launch::async, [&] { return prober.report(); });
  const bool answered = asked.wait_for(20s) == std::future_status::ready;
  release.set_value();
  ASSERT_TRUE(answered);
  const auto report = asked.get();
  EXPECT_TRUE(report.waiting);
  const auto verdict = judge({.probe = report}, {.probe = 2s}, report.asked + 2'001ms);
  EXPECT_EQ(failed_check(verdict)->name, "device");
  EXPECT_TRUE(comes_true([&] { return !prober.report().waiting; }));
}

}  // namespace
}  // namespace inkfleet::health
