#include <gmock/gmock.h>

#include "model-service/health/error_latch.hpp"
#include "model-service/health/verdict.hpp"

namespace inkfleet::health {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow{1000s};
constexpr Limits kLimits{.probe = 2s, .step = 2'500ms};

std::string_view failed(const Observations& observations) {
  const auto verdict = judge(observations, kLimits, kNow);
  const auto* const check = failed_check(verdict);
  return check == nullptr ? "" : check->name;
}

// Break: leave engine_busy out of judge_engine(), and a resting engine falls ill; leave the age out, and a
// hung one does not.
TEST(Verdict, TheEngineIsJudgedByItsProgressWhileWorkIsPending) {
  struct Case {
    bool busy;
    std::chrono::milliseconds since_step;
    std::string_view check;
  };
  for (const auto& [busy, since_step, check] : std::initializer_list<Case>{{false, 0ms, ""},
                                                                           {false, 3'600'000ms, ""},
                                                                           {true, 0ms, ""},
                                                                           {true, 2'500ms, ""},
                                                                           {true, 2'501ms, "engine"},
                                                                           {true, 60'000ms, "engine"}}) {
    EXPECT_EQ(failed({.engine_busy = busy, .last_step = kNow - since_step}), check)
        << busy << ' ' << since_step.count();
  }
}

// Break: ask for the age of the last answer instead of `waiting`, and a prober that rests looks hung.
TEST(Verdict, TheDeviceIsJudgedByAnOverdueAnswerAndByAWrongOne) {
  const auto& no_driver = device_error(35);
  struct Case {
    ProbeReport probe;
    std::string_view check;
  };
  for (const auto& [probe, check] :
       std::initializer_list<Case>{{{}, ""},
                                   {{.waiting = false, .asked = kNow - 1h}, ""},
                                   {{.waiting = true, .asked = kNow - 2s}, ""},
                                   {{.waiting = true, .asked = kNow - 2'001ms}, "device"},
                                   {{.waiting = true, .asked = kNow, .right = false}, "device"},
                                   {{.waiting = false, .right = false, .error = &no_driver}, "device"}}) {
    EXPECT_EQ(failed({.probe = probe, .last_step = kNow}), check) << probe.waiting << ' ' << probe.right;
  }
}

TEST(Verdict, AFatalErrorIsNamedFirst) {
  const Observations all_wrong{
      .probe = {.right = false}, .engine_busy = true, .last_step = kNow - 1h, .fatal = &device_error(700)};
  const auto verdict = judge(all_wrong, kLimits, kNow);
  EXPECT_EQ(failed_check(verdict)->name, "error");
  EXPECT_NE(failed_check(verdict)->failure.find("cudaErrorIllegalAddress"), std::string::npos);
  for (const auto& check : verdict) EXPECT_NE(check.failure, "") << check.name;
}

TEST(Verdict, SaysForHowLong) {
  const auto verdict = judge({.engine_busy = true, .last_step = kNow - 2'600ms}, kLimits, kNow);
  EXPECT_NE(failed_check(verdict)->failure.find("2600 ms"), std::string::npos);
}

// The worst that can happen: the device or the engine hangs right after a sign of life.
TEST(Verdict, TheDefaultsSeeAHangInTime) {
  EXPECT_LE(kProbeInterval + Limits{}.probe, kHangSeen);
  EXPECT_LE(Limits{}.step, kHangSeen);
}

TEST(ErrorLatch, KeepsTheFirstFatalErrorAndNoOther) {
  ErrorLatch latch;
  latch.see(device_error(2));
  latch.see(device_error(1));
  EXPECT_EQ(latch.first(), nullptr);
  latch.see(device_error(719));
  latch.see(device_error(700));
  latch.see(device_error(2));
  EXPECT_EQ(latch.first(), &device_error(719));
}

}  // namespace
}  // namespace inkfleet::health
