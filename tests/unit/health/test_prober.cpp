#include <gmock/gmock.h>

#include <future>

#include "model-service/health/prober.hpp"

namespace inkfleet::health {
namespace {

using namespace std::chrono_literals;

TEST(Prober, RemembersOnlyRightAnswers) {
  std::promise<void> asked_twice;
  int asked = 0;
  Prober prober(
      [&] {
        if (++asked == 2) asked_twice.set_value();
        return false;
      },
      1ms);
  const auto started = prober.last_answer();
  ASSERT_EQ(asked_twice.get_future().wait_for(20s), std::future_status::ready);
  EXPECT_EQ(prober.last_answer(), started);
}

TEST(Prober, ADeviceThatHangsHoldsUpNobodyElse) {
  std::promise<void> hanging;
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  Prober prober(
      [&, first = true]() mutable {
        if (std::exchange(first, false)) {
          hanging.set_value();
          released.wait();
        }
        return true;
      },
      1ms);
  ASSERT_EQ(hanging.get_future().wait_for(20s), std::future_status::ready);
  const auto before = prober.last_answer();
  EXPECT_FALSE(judge({.last_probe = before}, {.probe = 3s}, before + 4s).healthy);
  release.set_value();
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (prober.last_answer() == before && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_GT(prober.last_answer(), before);
}

}  // namespace
}  // namespace inkfleet::health
