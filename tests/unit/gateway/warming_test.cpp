#include <fmt/format.h>
#include <gmock/gmock.h>

#include "gateway/editor_session.hpp"
#include "proto/limits.hpp"
#include "tests/unit/gateway/fakes.hpp"

/// The frames `prefill` and `accept`, from an editor's text to two services and back.
namespace inkfleet::gateway {
namespace {

using namespace std::chrono_literals;
using namespace proto;
using testing::IsEmpty;
using testing::SizeIs;

class WarmingTest : public testing::Test {
 protected:
  WarmingTest() {
    relay.add_upstream("m", one);
    relay.add_upstream("m", two);
  }

  Prefill prefill(const std::string& document, const std::string& more = "") {
    session.on_text(
        fmt::format(R"({{"type": "prefill", "document": "{}", "prompt": "Once"{}}})", document, more));
    return one.all<Prefill>().empty() ? Prefill{} : one.all<Prefill>().back();
  }
  Suggest suggest(const std::string& id, const std::string& more = "") {
    session.on_text(fmt::format(R"({{"type": "suggest", "id": "{}", "prompt": "Once"{}}})", id, more));
    return one.all<Suggest>().empty() ? Suggest{} : one.all<Suggest>().back();
  }
  void accept(const std::string& id, int index = 0, int tokens = 3) {
    session.on_text(
        fmt::format(R"({{"type": "accept", "id": "{}", "index": {}, "tokens": {}}})", id, index, tokens));
  }
  void answer(const Upstream& from, ServerFrame frame) { relay.on_frame(from, std::move(frame), at(1ms)); }
  void answer(const Prefill& asked, const Upstream& from) {
    answer(from, Prefilled{asked.document, asked.id, 9, 4});
  }
  void complete(const std::string& id) { answer(one, Completed{.id = suggest(id).id}); }

  FakeUpstream one, two;
  CountingObserver observer;
  Relay relay{observer, 1};
  std::shared_ptr<FakePeer> editor = std::make_shared<FakePeer>();
  EditorSession session{relay, "m", {"key:k"}, 7, editor, [] { return at(0ms); }};
};

TEST_F(WarmingTest, APrefillIsRenamedAndItsAnswerNamedBack) {
  const auto asked = prefill("d", R"(, "id": "mine")");
  EXPECT_EQ(asked.prompt, "Once");
  EXPECT_EQ(asked.document, document_of(7, "d"));
  ASSERT_TRUE(asked.id);
  EXPECT_NE(asked.id, "mine");
  answer(asked, one);
  ASSERT_THAT(editor->frames, SizeIs(1));
  const auto got = std::get<Prefilled>(editor->frames[0]);
  EXPECT_EQ(got.document, "d");
  EXPECT_EQ(got.id, "mine");
  EXPECT_EQ(got.prompt_tokens, 9);
  EXPECT_EQ(got.cached_tokens, 4);
}

TEST_F(WarmingTest, APrefillWithoutAnIdIsAnsweredWithoutOne) {
  const std::string longest(limits::kDocumentBytes, 'x');
  const auto asked = prefill(longest);
  EXPECT_LE(asked.document.size(), limits::kDocumentBytes);
  ASSERT_TRUE(asked.id);
  answer(asked, one);
  ASSERT_THAT(editor->all<Prefilled>(), SizeIs(1));
  EXPECT_EQ(editor->all<Prefilled>()[0].document, longest);
  EXPECT_EQ(editor->all<Prefilled>()[0].id, std::nullopt);
}

TEST_F(WarmingTest, OnlyTheServiceThatWasAskedAnswersAndOnce) {
  const auto asked = prefill("d");
  answer(asked, two);
  answer(one, Prefilled{asked.document, std::nullopt, 9, 4});
  answer(one, Prefilled{asked.document, "p999", 9, 4});
  EXPECT_THAT(editor->frames, IsEmpty());
  answer(asked, one);
  answer(asked, one);
  EXPECT_THAT(editor->frames, SizeIs(1));
}

// Deliberate break: a handle(Prefill) without its drop_prefill() answers both.
TEST_F(WarmingTest, ANewerPrefillOfTheDocumentDropsTheOlder) {
  two.up = false;
  const auto older = prefill("d", R"(, "id": "older")");
  const auto other = prefill("other");
  const auto newer = prefill("d", R"(, "id": "newer")");
  EXPECT_NE(older.id, newer.id);
  EXPECT_EQ(older.document, newer.document);
  answer(older, one);
  EXPECT_THAT(editor->frames, IsEmpty());
  answer(newer, one);
  answer(other, one);
  ASSERT_THAT(editor->all<Prefilled>(), SizeIs(2));
  EXPECT_EQ(editor->all<Prefilled>()[0].id, "newer");
  EXPECT_EQ(editor->all<Prefilled>()[1].document, "other");
}

// Deliberate break: a handle(Suggest) without its drop_prefill() still answers the prefill.
TEST_F(WarmingTest, ANewerSuggestOfTheDocumentDropsThePrefill) {
  two.up = false;
  const auto asked = prefill("d");
  const auto other = prefill("other");
  suggest("a", R"(, "document": "d")");
  answer(asked, one);
  EXPECT_THAT(editor->frames, IsEmpty());
  answer(other, one);
  EXPECT_THAT(editor->frames, SizeIs(1));
}

TEST_F(WarmingTest, APrefillLeavesRunningRequestsAlone) {
  const auto running = suggest("a", R"(, "document": "d")");
  answer(prefill("d"), one);
  EXPECT_THAT(one.all<Cancel>(), IsEmpty());
  answer(one, Completed{.id = running.id});
  EXPECT_THAT(editor->all<Prefilled>(), SizeIs(1));
  EXPECT_THAT(editor->all<Completed>(), SizeIs(1));
}

TEST_F(WarmingTest, WithoutAServiceAPrefillIsUnavailable) {
  one.up = two.up = false;
  prefill("d", R"(, "id": "mine")");
  const auto error = std::get<Error>(editor->frames.at(0));
  EXPECT_EQ(error.code, ErrorCode::kUnavailable);
  EXPECT_EQ(error.frame, "prefill");
  EXPECT_EQ(error.id, std::nullopt);
  EXPECT_TRUE(error.retry_after);
}

TEST_F(WarmingTest, TooManyWaitingPrefillsAreOverloaded) {
  two.up = false;
  for (std::size_t i = 0; i < limits::kLiveRequestsPerEditor; ++i) prefill(fmt::format("d{}", i));
  EXPECT_THAT(editor->frames, IsEmpty());
  const auto newest = prefill("d3");  // takes the place of an older one
  EXPECT_THAT(editor->frames, IsEmpty());
  prefill("one more");
  const auto error = std::get<Error>(editor->frames.at(0));
  EXPECT_EQ(error.code, ErrorCode::kOverloaded);
  EXPECT_EQ(error.frame, "prefill");
  EXPECT_EQ(error.id, std::nullopt);
  EXPECT_TRUE(error.retry_after);
  EXPECT_EQ(one.all<Prefill>().size(), limits::kLiveRequestsPerEditor + 1);

  answer(newest, one);
  EXPECT_EQ(prefill("one more").document, document_of(7, "one more")) << "there is room again";
  EXPECT_THAT(editor->all<Error>(), SizeIs(1));
}

// Deliberate break: an on_lost() without prefills_.drop_all() leaves no room for a seventeenth, ever.
TEST_F(WarmingTest, ALostServiceForgetsItsPrefills) {
  two.up = false;
  for (std::size_t i = 0; i < limits::kLiveRequestsPerEditor; ++i) prefill(fmt::format("d{}", i));
  const auto last = one.all<Prefill>().back();
  relay.on_lost(one, at(1ms));
  EXPECT_EQ(relay.outstanding(one), 0u);
  answer(last, one);
  EXPECT_THAT(editor->frames, IsEmpty());
  EXPECT_EQ(prefill("new").document, document_of(7, "new"));
  EXPECT_THAT(editor->frames, IsEmpty());
}

TEST_F(WarmingTest, APrefillThatIsNeverAnsweredIsForgotten) {
  const auto asked = prefill("d");
  relay.tick(at(0ms) + Relay::kPrefillPatience - 1ms);
  EXPECT_EQ(relay.outstanding(one), 1u);
  relay.tick(at(0ms) + Relay::kPrefillPatience);
  EXPECT_EQ(relay.outstanding(one), 0u);
  answer(asked, one);
  EXPECT_THAT(editor->frames, IsEmpty());
}

TEST_F(WarmingTest, AServicesErrorAboutAPrefillIsNobodysToHear) {
  const auto asked = prefill("d");
  answer(one,
         Error{.code = ErrorCode::kUnavailable, .message = "loading", .frame = "prefill", .retry_after = 1s});
  EXPECT_THAT(editor->frames, IsEmpty());
  answer(asked, one);
  EXPECT_THAT(editor->frames, SizeIs(1));
}

// Deliberate break: an on_closed() that keeps the prefills answers into a session that is gone.
TEST_F(WarmingTest, AnEditorThatLeftIsAnsweredNothing) {
  two.up = false;
  const auto warming = prefill("d");
  const auto running = suggest("a");
  session.on_closed();
  EXPECT_EQ(relay.outstanding(one), 1u) << "the request that is being cancelled";
  answer(warming, one);
  answer(one, Completed{.id = running.id});
  EXPECT_THAT(editor->frames, IsEmpty());
  EXPECT_EQ(relay.outstanding(one), 0u);
}

TEST_F(WarmingTest, ASuggestGoesWhereItsDocumentIsWarm) {
  answer(prefill("d"), one);
  suggest("elsewhere");
  ASSERT_GT(relay.outstanding(one), relay.outstanding(two));
  suggest("a", R"(, "document": "d")");
  EXPECT_EQ(one.last_suggest().document, document_of(7, "d"));
}

TEST_F(WarmingTest, ASuggestGoesElsewhereWhenTheWarmServiceIsLost) {
  prefill("d");
  one.up = false;
  relay.on_lost(one, at(1ms));
  suggest("a", R"(, "document": "d")");
  EXPECT_EQ(two.last_suggest().document, document_of(7, "d"));
}

TEST_F(WarmingTest, HealIsTheServicesWork) {
  EXPECT_TRUE(suggest("a", R"(, "heal": true)").heal);
  two.up = false;
  EXPECT_FALSE(suggest("b").heal);
  EXPECT_THAT(editor->frames, IsEmpty());
}

TEST_F(WarmingTest, AcceptOfARunningRequestReachesItsService) {
  const auto asked = suggest("a", R"(, "n": 5)");
  accept("a", 2, 7);
  ASSERT_THAT(one.all<Accept>(), SizeIs(1));
  EXPECT_EQ(one.all<Accept>()[0].id, asked.id);
  EXPECT_EQ(one.all<Accept>()[0].index, 2);
  EXPECT_EQ(one.all<Accept>()[0].tokens, 7);
  EXPECT_THAT(two.sent, IsEmpty());
  for (const int sibling : {0, 1, 3, 4}) {
    answer(one, Finished{asked.id, sibling, FinishReason::kCancelled});
  }
  EXPECT_THAT(editor->all<Finished>(), SizeIs(4));
}

TEST_F(WarmingTest, AcceptOfWhatIsNotThereIsSilent) {
  accept("nobody");
  suggest("a");
  accept("a", 31, 1024);  // whether it has this index, the service knows
  EXPECT_THAT(one.all<Accept>(), SizeIs(1));
  accept("A");
  EXPECT_THAT(one.all<Accept>(), SizeIs(1));
  EXPECT_THAT(editor->frames, IsEmpty());
}

TEST_F(WarmingTest, AcceptOfACompletedRequestReachesTheServiceThatRanIt) {
  suggest("elsewhere");
  suggest("a");  // so this runs on `two`
  const auto asked = two.last_suggest();
  answer(two, Completed{.id = asked.id});
  accept("a", 1, 2);
  ASSERT_THAT(two.all<Accept>(), SizeIs(1));
  EXPECT_EQ(two.all<Accept>()[0].id, asked.id);
  EXPECT_THAT(one.all<Accept>(), IsEmpty());
  two.up = false;
  accept("a");
  EXPECT_THAT(two.all<Accept>(), SizeIs(1));
  EXPECT_THAT(one.all<Accept>(), IsEmpty());
}

TEST_F(WarmingTest, ARequestThatEndedInAnErrorIsNotAccepted) {
  answer(one, Error{.message = "broke", .id = suggest("a").id});
  accept("a");
  EXPECT_THAT(one.all<Accept>(), IsEmpty());
}

// Deliberate break: a remember() that does not pop keeps the first.
TEST_F(WarmingTest, TheLast32CompletedRequestsAreRemembered) {
  two.up = false;
  for (int i = 0; i < 33; ++i) complete(fmt::format("a{}", i));
  accept("a0");
  EXPECT_THAT(one.all<Accept>(), IsEmpty());
  for (int i = 1; i < 33; ++i) accept(fmt::format("a{}", i));
  EXPECT_THAT(one.all<Accept>(), SizeIs(32));
}

// Deliberate break: a handle(Suggest) that leaves completed_ as it is accepts from the older request.
TEST_F(WarmingTest, AcceptMeansTheNewestRequestOfAnId) {
  two.up = false;
  complete("a");
  const auto second = suggest("a");
  accept("a");
  EXPECT_EQ(one.all<Accept>().back().id, second.id);
  answer(one, Completed{.id = second.id});
  accept("a");
  EXPECT_EQ(one.all<Accept>().back().id, second.id);
  const auto third = suggest("a");
  answer(one, Error{.message = "broke", .id = third.id});
  accept("a");
  EXPECT_THAT(one.all<Accept>(), SizeIs(2)) << "the newest has nothing to take";
}

}  // namespace
}  // namespace inkfleet::gateway
