#include "bench/load/measurement.hpp"

#include <gmock/gmock.h>

namespace inkfleet::load {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::Pair;

/// A window from second 10 to second 20, and a first token in time within 500 ms.
class MeasurementTest : public testing::Test {
 protected:
  static Clock::time_point at(std::chrono::milliseconds time) { return Clock::time_point(time); }

  /// A request of two suggestions of two tokens: pieces 100, 110, 140 and 150 ms after the arrival.
  void complete(std::uint64_t number, std::chrono::milliseconds scheduled,
                std::chrono::milliseconds first = 100ms) {
    measurement.on_sent(number, at(scheduled), at(scheduled));
    measurement.on_tokens(number, 0, 1, at(scheduled + first));
    measurement.on_tokens(number, 1, 1, at(scheduled + first + 10ms));
    measurement.on_tokens(number, 0, 1, at(scheduled + first + 40ms));
    measurement.on_tokens(number, 1, 1, at(scheduled + first + 50ms));
    const proto::Usage usage{.prompt_tokens = 100, .cached_tokens = 25, .completion_tokens = 4};
    measurement.on_completed(number, usage, at(scheduled + first + 60ms));
  }

  Measurement measurement{{at(10s), at(20s)}, 500ms};
};

TEST_F(MeasurementTest, TimesCountFromTheScheduledArrival) {
  measurement.on_sent(1, at(10s), at(10s + 7ms));  // sent late, and no excuse
  measurement.on_tokens(1, 0, 1, at(10s + 100ms));
  measurement.on_completed(1, {}, at(10s + 130ms));
  const auto report = measurement.report(1);
  EXPECT_DOUBLE_EQ(report.first_token.value().p50, 100);
  EXPECT_DOUBLE_EQ(report.whole.value().p50, 130);
  EXPECT_DOUBLE_EQ(report.worst_late, 7);
}

TEST_F(MeasurementTest, GapsAreThoseOfEachSuggestion) {
  complete(1, 12s);
  const auto report = measurement.report(1);
  EXPECT_EQ(report.first_token.value().count, 1U);
  EXPECT_EQ(report.inter_token.value().count, 2U);
  EXPECT_DOUBLE_EQ(report.inter_token.value().p50, 40);
  EXPECT_DOUBLE_EQ(report.inter_token.value().p99, 40);
  EXPECT_DOUBLE_EQ(report.cached_share(), 0.25);
}

TEST_F(MeasurementTest, OnlyArrivalsWithinTheWindowCount) {
  complete(1, 9'999ms);
  complete(2, 10s);
  complete(3, 20s);
  const auto report = measurement.report(1);
  EXPECT_EQ(report.sent, 1U);
  EXPECT_EQ(report.completed, 1U);
  EXPECT_EQ(report.whole.value().count, 1U);
  EXPECT_EQ(report.prompt_tokens, 100);
}

TEST_F(MeasurementTest, TokensCountWhereTheyArrive) {
  complete(1, 9'880ms);   // its last two come at 10,020 and 10,030
  complete(2, 19'870ms);  // its first two come at 19,970 and 19,980; the others after the end
  EXPECT_DOUBLE_EQ(measurement.report(1).tokens_per_s, 4 / 10.0);
}

TEST_F(MeasurementTest, GoodputIsWhatCameInTime) {
  complete(1, 11s, 500ms);
  complete(2, 12s, 501ms);
  measurement.on_sent(3, at(13s), at(13s));
  measurement.on_tokens(3, 0, 1, at(13s + 10ms));
  measurement.on_failed(3, "deadline", at(14s));
  const auto report = measurement.report(1);
  EXPECT_EQ(report.completed, 2U);
  EXPECT_DOUBLE_EQ(report.goodput_per_s, 0.1);
}

TEST_F(MeasurementTest, ErrorsAreCountedByCode) {
  for (std::uint64_t number = 1; number <= 3; ++number) measurement.on_sent(number, at(11s), at(11s));
  complete(4, 11s);
  measurement.on_failed(1, "overloaded", at(12s));
  measurement.on_failed(2, "deadline", at(12s));
  EXPECT_EQ(measurement.live(), 1U);
  measurement.on_failed(3, "overloaded", at(30s));
  EXPECT_EQ(measurement.live(), 0U);
  const auto report = measurement.report(1);
  EXPECT_THAT(report.errors, ElementsAre(Pair("deadline", 1), Pair("overloaded", 2)));
  EXPECT_EQ(report.sent, 4U);
  EXPECT_EQ(report.failed(), 3U);
  ASSERT_TRUE(report.refused);
  EXPECT_EQ(report.refused->count, 2U);
  EXPECT_EQ(report.refused->p99, 19'000);
}

TEST_F(MeasurementTest, SaysWhenTheClientFellBehind) {
  for (std::uint64_t number = 1; number <= 200; ++number) {
    measurement.on_sent(number, at(11s), at(number <= 2 ? 11s + 11ms : 11s + 10ms));
    measurement.on_failed(number, "unavailable", at(12s));
  }
  EXPECT_EQ(measurement.report(1).late, 2U);
  EXPECT_FALSE(measurement.report(1).fell_behind());
  measurement.on_sent(201, at(11s), at(11s + 50ms));
  measurement.on_failed(201, "unavailable", at(12s));
  EXPECT_TRUE(measurement.report(1).fell_behind());
  EXPECT_DOUBLE_EQ(measurement.report(1).worst_late, 50);
}

TEST_F(MeasurementTest, NothingSentIsNothingMeasured) {
  const auto report = measurement.report(3);
  EXPECT_EQ(report.rate, 3);
  EXPECT_FALSE(report.first_token || report.inter_token || report.whole);
  EXPECT_FALSE(report.fell_behind());
  EXPECT_EQ(report.cached_share(), 0);
}

}  // namespace
}  // namespace inkfleet::load
