#include <gmock/gmock.h>

#include "model-service/health/verdict.hpp"

namespace inkfleet::health {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow{1000s};
constexpr Limits kLimits{.probe = 3s, .step = 10s};

TEST(Verdict, AnIdleEngineIsHealthyHoweverLongItRests) {
  EXPECT_TRUE(
      judge({.last_probe = kNow, .engine_busy = false, .last_step = kNow - 1h}, kLimits, kNow).healthy);
}

TEST(Verdict, ABusyEngineIsHealthyWhileItMoves) {
  EXPECT_TRUE(
      judge({.last_probe = kNow, .engine_busy = true, .last_step = kNow - 10s}, kLimits, kNow).healthy);
}

// Break: leave out engine_busy, and the idle engine above falls ill; leave out last_step, and this one does
// not.
TEST(Verdict, WorkWithoutProgressIsIll) {
  const auto verdict =
      judge({.last_probe = kNow, .engine_busy = true, .last_step = kNow - 10'001ms}, kLimits, kNow);
  EXPECT_FALSE(verdict.healthy);
  EXPECT_EQ(verdict.failed_check, "engine");
  EXPECT_NE(verdict.detail.find("10001 ms"), std::string::npos);
}

TEST(Verdict, ADeviceThatDoesNotAnswerIsIllEvenIfStepsMove) {
  const auto verdict =
      judge({.last_probe = kNow - 3'001ms, .engine_busy = true, .last_step = kNow}, kLimits, kNow);
  EXPECT_FALSE(verdict.healthy);
  EXPECT_EQ(verdict.failed_check, "device");
}

}  // namespace
}  // namespace inkfleet::health
