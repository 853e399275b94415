#include "gateway/shared_answers.hpp"

#include <gmock/gmock.h>

#include "tests/unit/gateway/fakes.hpp"

namespace inkfleet::gateway {
namespace {

using namespace std::chrono_literals;
using namespace proto;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using State = LegacyAnswer::State;

class SharedAnswersTest : public testing::Test {
 protected:
  SharedAnswersTest() { relay.add_upstream("m", service); }

  static LegacyRequest request(const std::string& prompt = "Once") {
    return {.prompt = prompt, .model = "m", .batch_size = 2, .length = 9};
  }
  SharedAnswers::Ticket ask(std::vector<LegacyAnswer>& heard, const LegacyRequest& request,
                            Clock::time_point now = at(0ms), const std::string& owner = "") {
    return answers.ask(
        request, {owner}, "d", [&heard](const LegacyAnswer& answer) { heard.push_back(answer); }, now);
  }
  void answer(ServerFrame frame) { relay.on_frame(service, std::move(frame), at(1ms)); }
  void write(const std::string& text) {
    const auto id = service.last_suggest().id;
    const int offset = written[id]++;
    answer(Started{.id = id});
    answer(Delta{.id = id, .index = 0, .offset = offset, .text = text, .tokens = {1}});
  }
  void complete(FinishReason reason = FinishReason::kLength) {
    const auto id = service.last_suggest().id;
    for (int index : {0, 1}) answer(Finished{.id = id, .index = index, .reason = reason});
    answer(Completed{.id = id});
  }

  FakeUpstream service;
  CountingObserver observer;
  Relay relay{observer, 1};
  SharedAnswers answers{relay};
  std::map<std::string, int> written;
  std::vector<LegacyAnswer> one, two;
};

// Deliberate break: leave the search in running_ out of ask(): the service is asked twice.
TEST_F(SharedAnswersTest, EqualRequestsThatRunAreComputedOnce) {
  ask(one, request());
  write("a");
  ask(two, request());
  ASSERT_THAT(two, SizeIs(1)) << "it hears at once what there is";
  EXPECT_EQ(two[0].raw[0], "a");
  write(" b");
  complete();
  EXPECT_THAT(service.all<Suggest>(), SizeIs(1));
  for (const auto* heard : {&one, &two}) {
    EXPECT_EQ(heard->back().raw[0], "a b");
    EXPECT_EQ(heard->back().state, State::kCompleted);
  }
  EXPECT_EQ(answers.running(), 0U);
}

TEST_F(SharedAnswersTest, RequestsThatDifferInAnythingAreNotEqual) {
  std::vector<LegacyRequest> all{request(), request("Once "), request("Onc")};
  const auto differ = [&](auto change) {
    all.push_back(request());
    change(all.back());
  };
  differ([](auto& r) { r.batch_size = 1; });
  differ([](auto& r) { r.length = 10; });
  differ([](auto& r) { r.temperature = 0.70001; });
  differ([](auto& r) { r.top_k = 0; });
  differ([](auto& r) { r.top_p = 0.5; });
  for (const auto& each : all) ask(one, each);
  ask(two, request(), at(0ms), "key:a");
  ask(two, request(), at(0ms), "key:b");
  EXPECT_THAT(service.all<Suggest>(), SizeIs(all.size() + 2));
}

// Deliberate break: a leave() that abandons whoever else listens.
TEST_F(SharedAnswersTest, OneWhoLeavesDoesNotStopTheOthers) {
  const auto first = ask(one, request());
  const auto second = ask(two, request());
  answers.leave(first);
  EXPECT_THAT(service.all<Cancel>(), IsEmpty());
  write("a");
  EXPECT_THAT(one, IsEmpty());
  EXPECT_EQ(two.back().raw[0], "a");
  answers.leave(second);
  answers.leave(second);
  EXPECT_THAT(service.all<Cancel>(), SizeIs(1)) << "nobody is left";
  EXPECT_EQ(answers.running(), 0U);
  ask(one, request());
  EXPECT_THAT(service.all<Suggest>(), SizeIs(2)) << "what was stopped is not joined";
}

TEST_F(SharedAnswersTest, ACompletedAnswerIsGivenAgainForAWhile) {
  ask(one, request());
  write("a");
  complete();
  EXPECT_EQ(ask(two, request(), at(59s)), 0U);
  ASSERT_THAT(two, SizeIs(1));
  EXPECT_EQ(two[0].state, State::kCompleted);
  EXPECT_EQ(two[0].raw[0], "a");
  ask(two, request(), at(60s));
  EXPECT_THAT(service.all<Suggest>(), SizeIs(2)) << "it is too old now";
}

TEST_F(SharedAnswersTest, WhatFailedOrWasCutShortIsNotKept) {
  ask(one, request());
  answer(Error{.code = ErrorCode::kDeadline, .id = service.last_suggest().id});
  EXPECT_EQ(one.back().state, State::kFailed);
  ask(one, request());
  write("a");
  complete(FinishReason::kDeadline);
  EXPECT_EQ(one.back().state, State::kCompleted);
  ask(two, request());
  EXPECT_THAT(service.all<Suggest>(), SizeIs(3));
  EXPECT_EQ(answers.cached_bytes(), 0U);
}

TEST_F(SharedAnswersTest, MemoryIsBounded) {
  const std::string long_text(100'000, 'x');
  for (int i = 0; i < 300; ++i) {
    ask(one, request("prompt " + std::to_string(i)));
    write(long_text);
    complete();
    ASSERT_LE(answers.cached_bytes(), SharedAnswers::kCacheBytes);
  }
  EXPECT_GT(answers.cached_bytes(), SharedAnswers::kCacheBytes - 2 * long_text.size());
  EXPECT_EQ(ask(two, request("prompt 299")), 0U) << "the newest is there";
  EXPECT_NE(ask(two, request("prompt 0")), 0U) << "the oldest is not";
}

TEST_F(SharedAnswersTest, AListenerMayLeaveAndAskAnewWhileItIsTold) {
  SharedAnswers::Ticket ticket = 0;
  int told = 0;
  ticket = answers.ask(
      request(), {}, "d",
      [&](const LegacyAnswer&) {
        if (++told > 1) return;
        answers.leave(ticket);
        ask(two, request("other"));
      },
      at(0ms));
  write("a");
  EXPECT_EQ(told, 1);
  EXPECT_EQ(service.all<Suggest>().back().prompt, "other");
  EXPECT_EQ(answers.running(), 1U);
}

TEST_F(SharedAnswersTest, WithoutAServiceItFailsAtOnce) {
  service.up = false;
  EXPECT_EQ(ask(one, request()), 0U);
  ASSERT_THAT(one, SizeIs(1));
  EXPECT_EQ(one[0].state, State::kFailed);
}

}  // namespace
}  // namespace inkfleet::gateway
