#include <gmock/gmock.h>

#include "gateway/relay.hpp"
#include "proto/limits.hpp"
#include "tests/unit/gateway/fakes.hpp"

/// A request whose service is lost, fails or falls silent, seen from both sides.
namespace inkfleet::gateway {
namespace {

using namespace std::chrono_literals;
using namespace proto;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class Failover : public testing::Test {
 protected:
  Failover() {
    for (auto* upstream : services) relay.add_upstream("m", *upstream);
  }

  Relay::Ticket start(Suggest suggest) {
    suggest.id = "mine";
    return relay.start(
        {.model = "m",
         .suggest = std::move(suggest),
         .answer = [this](ServerFrame frame) { std::visit([this](auto& f) { note(f); }, frame); }},
        at(0ms));
  }
  void answer(const Upstream& from, ServerFrame frame, Clock::time_point now = at(1ms)) {
    relay.on_frame(from, std::move(frame), now);
  }
  void lose(FakeUpstream& upstream, Clock::time_point now = at(10ms)) {
    upstream.up = false;
    relay.on_lost(upstream, now);
  }
  static std::string id_at(const FakeUpstream& upstream) { return upstream.last_suggest().id; }

  // What the asker has.
  std::map<int, std::vector<TokenId>> tokens;
  std::map<int, std::string> texts;
  std::map<int, std::vector<FinishReason>> finished;
  std::vector<Started> started;
  std::vector<Completed> completed;
  std::vector<Error> errors;

  void note(const Queued&) {}
  void note(const Prefilled&) {}
  void note(const Started& frame) { started.push_back(frame); }
  void note(const Completed& frame) { completed.push_back(frame); }
  void note(const Error& frame) { errors.push_back(frame); }
  void note(const Finished& frame) { finished[frame.index].push_back(frame.reason); }
  void note(const Delta& frame) {
    EXPECT_EQ(frame.id, "mine");
    EXPECT_EQ(frame.offset, static_cast<int>(tokens[frame.index].size()));
    auto& have = tokens[frame.index];
    have.insert(have.end(), frame.tokens.begin(), frame.tokens.end());
    texts[frame.index] += frame.text;
  }

  FakeUpstream one{"ws://one"}, two{"ws://two"}, three{"ws://three"}, four{"ws://four"};
  std::vector<FakeUpstream*> services{&one, &two, &three, &four};
  CountingObserver observer;
  Relay relay{observer, 1};
};

// Deliberate break: a rest() that leaves the tokens out of `resume`: the next service begins at the start.
TEST_F(Failover, AnotherServiceGoesOnAfterTheTokensTheAskerHas) {
  start({.prompt = "Once", .n = 3, .max_tokens = 9, .deadline = 5000ms});
  const auto first = id_at(one);
  answer(one, Started{.id = first, .prompt_tokens = 7, .cached_tokens = 2});
  answer(one, Delta{.id = first, .index = 0, .offset = 0, .text = "a b", .tokens = {1, 2}});
  answer(one, Delta{.id = first, .index = 2, .offset = 0, .text = "z", .tokens = {9}});
  answer(one, Finished{.id = first, .index = 2, .reason = FinishReason::kEndOfText});
  lose(one, at(100ms));

  const auto moved = two.last_suggest();
  EXPECT_EQ(moved.prompt, "Once");
  EXPECT_EQ(moved.seed, one.last_suggest().seed);
  EXPECT_EQ(moved.deadline, 4900ms);
  ASSERT_TRUE(moved.resume);
  ASSERT_THAT(*moved.resume, SizeIs(2)) << "the finished one is left out";
  EXPECT_EQ(moved.resume->at(0).index, 0);
  EXPECT_THAT(moved.resume->at(0).tokens, ElementsAre(1, 2));
  EXPECT_EQ(moved.resume->at(1).index, 1);
  EXPECT_THAT(moved.resume->at(1).tokens, IsEmpty());

  answer(two, Started{.id = moved.id, .prompt_tokens = 7, .cached_tokens = 0});
  answer(two, Delta{.id = moved.id, .index = 0, .offset = 2, .text = " c", .tokens = {3}});
  answer(two, Delta{.id = moved.id, .index = 1, .offset = 0, .text = "y", .tokens = {8}});
  answer(two, Finished{.id = moved.id, .index = 0});
  answer(two, Finished{.id = moved.id, .index = 1});
  answer(two, Completed{.id = moved.id,
                        .usage = {.prompt_tokens = 7, .cached_tokens = 0, .completion_tokens = 2}});

  EXPECT_THAT(started, SizeIs(1));
  EXPECT_EQ(texts[0], "a b c");
  EXPECT_EQ(texts[1], "y");
  EXPECT_EQ(texts[2], "z");
  for (int index : {0, 1, 2}) EXPECT_THAT(finished[index], SizeIs(1));
  ASSERT_THAT(completed, SizeIs(1));
  EXPECT_EQ(completed[0].id, "mine");
  EXPECT_EQ(completed[0].usage.cached_tokens, 2) << "of the service that fed the prompt for the asker";
  EXPECT_EQ(completed[0].usage.completion_tokens, 3 + 2);
  EXPECT_THAT(errors, IsEmpty());
  EXPECT_EQ(observer.moves["lost"], 1);
  EXPECT_EQ(relay.outstanding(one) + relay.outstanding(two), 0U);
}

// A larger frame would close the service's connection, and with it what all others asked.
// Deliberate break: no limit in go_on(): the next service is sent 260 KiB.
TEST_F(Failover, WhatIsMoreThanAFrameMayHoldIsNotMoved) {
  start({.prompt = std::string(limits::kEditorFrameBytes - 400, 'x'), .n = 32, .max_tokens = 1024});
  answer(one, Started{.id = id_at(one)});
  const std::vector<TokenId> most(1023, 50'000);
  for (int index = 0; index < 32; ++index) {
    answer(one, Delta{.id = id_at(one), .index = index, .offset = 0, .text = "a", .tokens = most});
  }
  lose(one);
  EXPECT_TRUE(two.sent.empty());
  for (int index = 0; index < 32; ++index) {
    EXPECT_THAT(finished[index], ElementsAre(FinishReason::kFailed));
  }
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_EQ(errors[0].code, ErrorCode::kTooLarge);
  EXPECT_THAT(errors[0].message, testing::HasSubstr("262144"));
  EXPECT_TRUE(observer.moves.empty());
  EXPECT_EQ(relay.live(), 0U);
}

TEST_F(Failover, WhatFitsIntoAFrameIsMovedWhenServicesTakeMore) {
  relay.limit_frames(2 * limits::kServiceFrameBytes);
  start({.prompt = std::string(limits::kServiceFrameBytes, 'x')});
  lose(one);
  EXPECT_THAT(two.sent, SizeIs(1));
}

// Deliberate break: a move() that ends the request when no service is connected.
TEST_F(Failover, WhenAllConnectionsAreCutAtOnceItWaitsForTheFirstToComeBack) {
  const auto ticket = start({.prompt = "Once", .n = 2, .deadline = 9000ms});
  answer(one, Started{.id = id_at(one)});
  answer(one, Delta{.id = id_at(one), .index = 0, .offset = 0, .text = "a", .tokens = {1}});
  for (auto* upstream : services) upstream->up = false;
  lose(one, at(100ms));
  relay.cancel(ticket, 1);
  relay.accept(ticket, 0, 1);
  relay.tick(at(1900ms));
  EXPECT_THAT(errors, IsEmpty());
  EXPECT_EQ(relay.outstanding(one), 0U);

  one.up = true;
  relay.on_connected(one, at(2000ms));
  const auto moved = one.last_suggest();
  EXPECT_EQ(moved.deadline, 7000ms);
  EXPECT_THAT(moved.resume->at(0).tokens, ElementsAre(1));
  EXPECT_EQ(one.all<Cancel>().back().index, 1);
  EXPECT_EQ(observer.moves["lost"], 1);
  answer(one, Completed{.id = moved.id}, at(2100ms));
  EXPECT_THAT(completed, SizeIs(1));
}

// Deliberate break: leave the parked ones out of tick().
TEST_F(Failover, WhenNoneComesBackItEnds) {
  start({.prompt = "Once"});
  answer(one, Started{.id = id_at(one)});
  for (auto* upstream : services) upstream->up = false;
  lose(one, at(100ms));
  relay.tick(at(100ms + Relay::kReconnect));
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_EQ(errors[0].code, ErrorCode::kUnavailable);
  EXPECT_THAT(finished[0], ElementsAre(FinishReason::kFailed));
  EXPECT_EQ(relay.live(), 0U);
}

// Deliberate break: a rest() that always resumes lets it overtake those who waited at the next service.
TEST_F(Failover, WhatHadNotBegunMovesAsItCame) {
  start({.prompt = "Once", .n = 3});
  answer(one, Queued{.id = id_at(one), .position = 4});
  lose(one);
  EXPECT_FALSE(two.last_suggest().resume);
  EXPECT_EQ(two.last_suggest().n, 3);
}

// Deliberate break: a find() that compares the upstream only, with a request that comes back to its first
// service.
TEST_F(Failover, WhatAnEarlierServiceStillSaysIsDropped) {
  three.up = four.up = false;
  start({.n = 1});
  const auto first = id_at(one);
  answer(one, Started{.id = first});
  answer(one, Error{.code = ErrorCode::kInternal, .id = first});
  const auto second = id_at(two);
  answer(two, Started{.id = second});
  answer(one, Delta{.id = first, .offset = 0, .text = "late", .tokens = {1}});
  answer(two, Error{.code = ErrorCode::kInternal, .id = second});
  const auto third = id_at(one);
  EXPECT_NE(third, first);
  answer(one, Delta{.id = first, .offset = 0, .text = "later", .tokens = {1}});
  answer(one, Delta{.id = third, .offset = 0, .text = "right", .tokens = {5}});
  answer(one, Delta{.id = third, .offset = 0, .text = "twice", .tokens = {5}});
  EXPECT_EQ(texts[0], "right");
}

// Deliberate break: without kMoves it walks on to the fourth service.
TEST_F(Failover, ARequestThatKillsWhatComputesItMeetsThreeServices) {
  start({.n = 2});
  for (auto* service : {&one, &two, &three}) {
    answer(*service, Started{.id = id_at(*service)});
    lose(*service);
  }
  EXPECT_THAT(four.sent, IsEmpty());
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_EQ(errors[0].code, ErrorCode::kInternal);
  EXPECT_THAT(finished[0], ElementsAre(FinishReason::kFailed));
  EXPECT_THAT(finished[1], ElementsAre(FinishReason::kFailed));
  EXPECT_THAT(started, SizeIs(1));
}

TEST_F(Failover, ASuggestionThatFailedMovesBeforeTheErrorSaysSo) {
  start({.n = 1});
  const auto first = id_at(one);
  answer(one, Started{.id = first});
  answer(one, Finished{.id = first, .index = 0, .reason = FinishReason::kFailed});
  answer(one, Error{.code = ErrorCode::kInternal, .id = first});
  EXPECT_THAT(two.all<Suggest>(), SizeIs(1));
  EXPECT_THAT(three.all<Suggest>(), IsEmpty());
  EXPECT_THAT(finished, IsEmpty());
}

TEST_F(Failover, WhatTheAskerDidWrongStaysWhereItIs) {
  for (const auto code : {ErrorCode::kBadRequest, ErrorCode::kTooLarge, ErrorCode::kDeadline}) {
    start({.n = 1});
    for (auto* service : services) {
      if (!service->sent.empty()) answer(*service, Error{.code = code, .id = id_at(*service)});
    }
  }
  EXPECT_THAT(errors, SizeIs(3));
  EXPECT_THAT(observer.moves, IsEmpty());
}

TEST_F(Failover, AFullServiceIsTriedElsewhereOnceAndOnlyBeforeTheStart) {
  start({.n = 1});
  answer(one, Error{.code = ErrorCode::kOverloaded, .id = id_at(one)});
  answer(two, Error{.code = ErrorCode::kOverloaded, .id = id_at(two)});
  ASSERT_THAT(errors, SizeIs(1));
  EXPECT_EQ(errors[0].code, ErrorCode::kOverloaded);
  EXPECT_THAT(three.sent, IsEmpty());
}

// Deliberate break: a tick() that does not ask for the probe moves the request of a service that is only
// slow.
TEST_F(Failover, ASilentServiceIsLeftOnlyWhenItsProbeFailsToo) {
  start({.n = 1, .deadline = 60'000ms});
  answer(one, Started{.id = id_at(one)}, at(1000ms));
  relay.tick(at(1000ms) + Relay::kSilence);
  EXPECT_THAT(observer.moves, IsEmpty());
  relay.on_probe(one, false);
  relay.tick(at(999ms) + Relay::kSilence);
  EXPECT_THAT(observer.moves, IsEmpty()) << "not silent long enough";
  relay.tick(at(1000ms) + Relay::kSilence);
  EXPECT_EQ(observer.moves["silent"], 1);
  EXPECT_THAT(two.all<Suggest>(), SizeIs(1));
  EXPECT_THAT(one.all<Cancel>(), SizeIs(1));
}

TEST_F(Failover, CancelsAreToldToTheNextServiceToo) {
  const auto ticket = start({.n = 3});
  answer(one, Started{.id = id_at(one)});
  relay.cancel(ticket, 1);
  lose(one);
  const auto cancels = two.all<Cancel>();
  ASSERT_THAT(cancels, SizeIs(1));
  EXPECT_EQ(cancels[0].id, id_at(two));
  EXPECT_EQ(cancels[0].index, 1);
}

TEST_F(Failover, AnAbandonedRequestIsNotMoved) {
  const auto ticket = start({.n = 1});
  relay.abandon(ticket);
  lose(one);
  EXPECT_EQ(relay.live(), 0U);
  EXPECT_THAT(observer.moves, IsEmpty());
  EXPECT_EQ(observer.outcomes["abandoned"], 1);
}

TEST_F(Failover, WhenOnlyTheLastWordIsMissingNobodyComputesAgain) {
  start({.n = 1});
  const auto id = id_at(one);
  answer(one, Started{.id = id, .prompt_tokens = 3});
  answer(one, Delta{.id = id, .offset = 0, .text = "all", .tokens = {1, 2}});
  answer(one, Finished{.id = id, .index = 0});
  lose(one);
  ASSERT_THAT(completed, SizeIs(1));
  EXPECT_EQ(completed[0].usage.completion_tokens, 2);
  EXPECT_EQ(completed[0].usage.prompt_tokens, 3);
  EXPECT_EQ(completed[0].receipt.model, "m");
  EXPECT_THAT(two.sent, IsEmpty());
}

// What the editor had itself when it came back counts as held, and not as used.
TEST_F(Failover, AReconnectedRequestKeepsWhatItsEditorBrought) {
  start({.n = 2, .resume = {{{.index = 1, .tokens = {4, 5}}}}});
  const auto id = id_at(one);
  answer(one, Started{.id = id});
  answer(one, Delta{.id = id, .index = 1, .offset = 0, .text = "no", .tokens = {4}});
  EXPECT_THAT(texts, IsEmpty()) << "an offset before what the editor has";
  tokens[1] = {4, 5};
  answer(one, Delta{.id = id, .index = 1, .offset = 2, .text = " on", .tokens = {6}});
  lose(one);
  ASSERT_THAT(two.all<Suggest>(), SizeIs(1));
  EXPECT_THAT(two.last_suggest().resume->at(0).tokens, ElementsAre(4, 5, 6));
  answer(two, Completed{.id = id_at(two), .usage = {.completion_tokens = 4}});
  EXPECT_EQ(completed.at(0).usage.completion_tokens, 1 + 4);
}

// Deliberate break: a RetryBudget that always gives.
TEST_F(Failover, AFleetInTroubleIsNotAskedTwiceForEverything) {
  relay.limit_callers(2000);
  for (int i = 0; i < 2000; ++i) start({.n = 1});
  const auto before = observer.begun;
  lose(one);
  lose(two);
  lose(three);
  const int moved = observer.moves["lost"];
  EXPECT_LE(moved, static_cast<int>(RetryBudget::kReserve + RetryBudget::kShare * before));
  EXPECT_GE(moved, static_cast<int>(RetryBudget::kReserve));
  EXPECT_GT(errors.size(), 0U);
}

}  // namespace
}  // namespace inkfleet::gateway
