#include <gmock/gmock.h>

#include "proto/limits.hpp"
#include "proto/traceparent.hpp"
#include "tests/unit/gateway/relay_fixture.hpp"

namespace inkfleet::gateway {
namespace {

using namespace std::chrono_literals;
using namespace proto;
using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(RelayTest, NamesRequestsAnewAndBack) {
  std::vector<ServerFrame> other;
  start({.id = "same"}, got);
  start({.id = "same"}, other);
  const auto first = one.last_suggest().id, second = two.last_suggest().id;
  EXPECT_NE(first, second);
  EXPECT_NE(first, "same");

  answer(one, Started{.id = first});
  answer(one, Delta{.id = first, .text = "hi"});
  answer(two, Started{.id = second});
  EXPECT_THAT(brief(got), ElementsAre("started", "delta 0 hi"));
  EXPECT_THAT(brief(other), ElementsAre("started"));
  EXPECT_EQ(std::get<Delta>(got[1]).id, "same");
  EXPECT_EQ(observer.first_texts, 1);
}

// Deliberate break: a relay that passes a traceparent on as it came gives its span no name.
TEST_F(RelayTest, ContinuesATraceOrBeginsOne) {
  const std::string id = "0af7651916cd43dd8448eb211c80319c", parent = "00-" + id + "-b7ad6b7169203331-01";
  const auto passed_on = [&](Suggest suggest, Caller caller) {
    one.sent.clear();
    two.sent.clear();
    relay.start(
        {.model = "m", .caller = std::move(caller), .suggest = std::move(suggest), .answer = [](auto) {}},
        at(0ms));
    return *(one.sent.empty() ? two : one).last_suggest().traceparent;
  };
  const auto own = passed_on({.id = "a", .traceparent = parent},
                             {"c", "00-11111111111111111111111111111111-1111111111111111-00"});
  EXPECT_EQ(trace_id_of(own), id) << "the request's own goes before its connection's";
  EXPECT_NE(own, parent);
  EXPECT_TRUE(own.ends_with("-01")) << own;
  EXPECT_EQ(trace_id_of(passed_on({.id = "b"}, {"c", parent})), id);
  const auto fresh = passed_on({.id = "c"}, {"c", "nonsense"}), other = passed_on({.id = "d"}, {});
  EXPECT_EQ(trace_id_of(fresh).size(), 32U);
  EXPECT_NE(trace_id_of(fresh), trace_id_of(other));
}

TEST_F(RelayTest, DrawsASeedOnlyWhenThereIsNone) {
  start({.id = "a"}, got);
  start({.id = "b", .seed = 7}, got);
  start({.id = "c"}, got);
  ASSERT_TRUE(one.all<Suggest>()[0].seed);
  EXPECT_LE(*one.all<Suggest>()[0].seed, (std::uint64_t{1} << 53) - 1);
  EXPECT_EQ(two.last_suggest().seed, 7u);
  EXPECT_NE(one.all<Suggest>()[0].seed, one.all<Suggest>()[1].seed);
}

TEST_F(RelayTest, TakesTheConnectedServiceWithTheLeastToDo) {
  one.up = false;
  start({.id = "a"}, got);
  start({.id = "b"}, got);
  EXPECT_THAT(one.sent, IsEmpty());
  one.up = true;
  start({.id = "c"}, got);
  start({.id = "d"}, got);
  EXPECT_EQ(relay.outstanding(one), 2u);
  EXPECT_EQ(relay.outstanding(two), 2u);
  answer(two, Completed{.id = two.last_suggest().id});
  start({.id = "e"}, got);
  EXPECT_EQ(two.all<Suggest>().size(), 3u);
}

TEST_F(RelayTest, WithoutAServiceTheAnswerIsUnavailableAtOnce) {
  one.up = two.up = false;
  start({.id = "a"}, got);
  ASSERT_THAT(brief(got), ElementsAre("unavailable"));
  EXPECT_EQ(std::get<Error>(got[0]).id, "a");
  EXPECT_TRUE(std::get<Error>(got[0]).retry_after);
  EXPECT_EQ(relay.live(), 0u);
  EXPECT_FALSE(relay.serves("m"));
}

// Deliberate break: end() without its loop over `open` leaves out the two finished frames.
TEST_F(RelayTest, ALostServiceFinishesWhatIsOpenThenSaysUnavailable) {
  std::vector<ServerFrame> on_two;
  start({.id = "a", .n = 3}, got);
  start({.id = "b"}, on_two);
  const auto id = one.last_suggest().id;
  answer(one, Started{.id = id});
  answer(one, Finished{.id = id, .index = 1});
  one.up = two.up = false;
  relay.on_lost(one, at(1ms));
  relay.tick(at(1ms) + Relay::kReconnect);
  EXPECT_THAT(brief(got),
              ElementsAre("started", "finished 1", "finished 0 failed", "finished 2 failed", "unavailable"));
  EXPECT_TRUE(std::get<Error>(got.back()).retry_after);
  EXPECT_THAT(on_two, IsEmpty());

  answer(one, Completed{.id = id});  // too late to count
  EXPECT_EQ(got.size(), 5u);
}

TEST_F(RelayTest, ARequestThatHadNotStartedHasNothingToFinish) {
  start({.id = "a", .n = 3}, got);
  answer(one, Queued{.id = one.last_suggest().id, .position = 4});
  two.up = false;
  relay.on_lost(one, at(1ms));
  EXPECT_THAT(brief(got), ElementsAre("queued", "unavailable"));
}

TEST_F(RelayTest, OnlyTheSuggestionsThatAreResumedAreOpen) {
  start({.id = "a", .n = 4, .resume = {{{.index = 1}, {.index = 3}}}}, got);
  answer(one, Started{.id = one.last_suggest().id});
  two.up = false;
  relay.on_lost(one, at(1ms));
  EXPECT_THAT(brief(got), ElementsAre("started", "finished 1 failed", "finished 3 failed", "unavailable"));
}

TEST_F(RelayTest, FramesThatBreakTheContractAreNotPassedOn) {
  start({.id = "a", .n = 1}, got);
  const auto id = one.last_suggest().id;
  answer(one, Delta{.id = id, .text = "before started"});
  answer(one, Started{.id = id});
  answer(one, Started{.id = id});
  answer(one, Queued{.id = id});
  answer(one, Finished{.id = id, .index = 5});
  answer(one, Finished{.id = id, .index = 0});
  answer(one, Finished{.id = id, .index = 0});
  answer(one, Delta{.id = id, .text = "after finished"});
  answer(two, Completed{.id = id});  // not the one that was asked
  answer(one, Completed{.id = "r999"});
  answer(one, Completed{.id = "nonsense"});
  answer(one, Error{.message = "about no request"});
  answer(one, Completed{.id = id});
  answer(one, Completed{.id = id});
  EXPECT_THAT(brief(got), ElementsAre("started", "finished 0", "completed"));
}

TEST_F(RelayTest, CancelGoesToTheServiceAndItsAnswersComeBack) {
  const auto ticket = start({.id = "a", .n = 2}, got);
  relay.cancel(ticket, 1);
  relay.cancel(ticket);
  relay.cancel(12345);
  const auto cancels = one.all<Cancel>();
  ASSERT_EQ(cancels.size(), 2u);
  EXPECT_EQ(cancels[0].id, one.last_suggest().id);
  EXPECT_EQ(cancels[0].index, 1);
  EXPECT_EQ(cancels[1].index, std::nullopt);
  answer(one, Completed{.id = cancels[0].id});
  EXPECT_THAT(brief(got), ElementsAre("completed"));
}

TEST_F(RelayTest, AnAbandonedRequestIsSilentButCountsUntilTheServiceHasEndedIt) {
  const auto ticket = start({.id = "a"}, got);
  relay.abandon(ticket);
  relay.abandon(ticket);
  EXPECT_EQ(one.all<Cancel>().size(), 1u);
  EXPECT_EQ(relay.outstanding(one), 1u);
  answer(one, Completed{.id = one.last_suggest().id});
  EXPECT_THAT(got, IsEmpty());
  EXPECT_EQ(relay.outstanding(one), 0u);
  EXPECT_EQ(observer.outcomes["abandoned"], 1);
}

// Deliberate break: an abandon() that keeps `completed` calls into an asker that may be gone.
TEST_F(RelayTest, WhoeverAskedIsToldWhichServiceCompletedIt) {
  std::vector<Served> told;
  const auto ask = [&] {
    return relay.start({.model = "m",
                        .answer = [](const auto&) {},
                        .completed = [&](Served served) { told.push_back(std::move(served)); }},
                       at(0ms));
  };
  ask();
  relay.abandon(ask());
  ask();
  answer(one, Completed{.id = "r1"});
  answer(two, Completed{.id = "r2"});
  answer(one, Error{.code = ErrorCode::kDeadline, .id = "r3"});
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].upstream, &one);
  EXPECT_EQ(told[0].id, "r1");
}

// Deliberate break: a tick() without kDeadlineGrace ends it at 1 s, before the service's own answer can come.
TEST_F(RelayTest, AServiceThatLetsTheDeadlinePassIsNotWaitedFor) {
  start({.id = "a", .n = 1, .deadline = 1000ms}, got);
  answer(one, Started{.id = one.last_suggest().id});
  relay.tick(at(1000ms) + Relay::kDeadlineGrace - 1ms);
  EXPECT_THAT(brief(got), ElementsAre("started"));
  relay.tick(at(1000ms) + Relay::kDeadlineGrace);
  EXPECT_THAT(brief(got), ElementsAre("started", "finished 0 failed", "deadline"));
  EXPECT_EQ(one.all<Cancel>().size(), 1u);
  EXPECT_EQ(relay.outstanding(one), 0u);
}

TEST_F(RelayTest, AnAnswerMayStartTheNextRequest) {
  std::vector<ServerFrame> next;
  relay.start({.model = "m",
               .suggest = {.id = "a"},
               .answer =
                   [&](ServerFrame frame) {
                     if (std::holds_alternative<Error>(frame)) start({.id = "next"}, next);
                   }},
              at(0ms));
  one.up = two.up = false;
  relay.on_lost(one, at(1ms));
  relay.tick(at(1ms) + Relay::kReconnect);
  ASSERT_THAT(brief(next), ElementsAre("unavailable"));
  EXPECT_EQ(relay.live(), 0u);
}

TEST_F(RelayTest, AModelThatIsServedNoMoreEndsWhatRunsAndTakesNothingNew) {
  std::vector<ServerFrame> later;
  start({.id = "a"}, got);
  relay.retire("m");
  relay.remove_upstream("m", one);
  relay.remove_upstream("m", two);
  start({.id = "b"}, later);
  ASSERT_THAT(brief(later), ElementsAre("error"));
  EXPECT_EQ(std::get<Error>(later[0]).code, ErrorCode::kUnknownModel);
  EXPECT_FALSE(relay.prefill({"m", {.document = "d"}, nullptr}, at(0ms)));
  EXPECT_EQ(relay.no_service("m").code, ErrorCode::kUnknownModel);

  EXPECT_EQ(relay.outstanding(one), 1u);
  answer(one, Started{.id = "r1"});
  answer(one, Finished{.id = "r1"});
  answer(one, Completed{.id = "r1"});
  EXPECT_THAT(brief(got), ElementsAre("started", "finished 0", "completed"));
  EXPECT_EQ(relay.outstanding(one), 0u);

  relay.restore("m");
  relay.add_upstream("m", two);
  start({.id = "c"}, later);
  EXPECT_EQ(two.all<Suggest>().size(), 1u);
}

// Deliberate break: filling `open` only at `started` swallows the finished frame.
TEST_F(RelayTest, ARequestCancelledWhileItWaitsIsFinishedToo) {
  const auto ticket = start({.id = "mine"}, got);
  answer(one, Queued{.id = "r1"});
  relay.cancel(ticket);
  answer(one, Finished{.id = "r1", .index = 0, .reason = proto::FinishReason::kCancelled});
  answer(one, Completed{.id = "r1"});
  EXPECT_THAT(brief(got), ElementsAre("queued", "finished 0", "completed"));
}

// Deliberate break: leave out the assignment to suggest.client in Relay::start().
TEST_F(RelayTest, ServicesAreToldWhoAsksWhateverTheEditorSays) {
  const auto client_of_one = [&](const std::string& caller, std::optional<std::string> said) {
    relay.start({.model = "m",
                 .caller = {caller},
                 .suggest = {.id = "a", .prompt = "x", .document = "same service", .client = std::move(said)},
                 .answer = [](const ServerFrame&) {}},
                at(0ms));
    return (one.sent.empty() ? two : one).last_suggest().client.value_or("");
  };
  const auto first = client_of_one("key:first", {});
  EXPECT_EQ(client_of_one("key:first", "key:second"), first);
  const auto second = client_of_one("key:second", first);
  EXPECT_NE(second, first);
  EXPECT_EQ(first.find("first"), std::string::npos) << "a name is nobody else's business";
  EXPECT_LE(first.size(), proto::limits::kClientBytes);
}

// Deliberate break: leave out Callers::leave() in Relay::end(), or the check in refusal().
TEST_F(RelayTest, ACallerHasSoManyLiveRequestsOverAllItsConnections) {
  relay.limit_callers(2);
  const auto ask = [&](const std::string& caller) {
    relay.start({.model = "m",
                 .caller = {caller},
                 .suggest = {.id = "a", .prompt = "x"},
                 .answer = [&](ServerFrame frame) { got.push_back(std::move(frame)); }},
                at(0ms));
  };
  ask("key:a");
  ask("key:a");
  EXPECT_FALSE(relay.has_room({"key:a"}));
  ask("key:a");
  ask("key:b");
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(std::get<Error>(got[0]).code, ErrorCode::kOverloaded);
  EXPECT_TRUE(std::get<Error>(got[0]).retry_after.has_value());
  EXPECT_EQ(one.sent.size() + two.sent.size(), 3U);
  auto& served = one.sent.empty() ? two : one;
  answer(served, Completed{.id = served.all<Suggest>()[0].id});
  ask("key:a");
  EXPECT_EQ(one.sent.size() + two.sent.size(), 4U) << "one had ended";
}

}  // namespace
}  // namespace inkfleet::gateway
