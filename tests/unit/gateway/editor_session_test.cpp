#include "gateway/editor_session.hpp"

#include <gmock/gmock.h>

#include "proto/limits.hpp"
#include "tests/unit/gateway/fakes.hpp"

namespace inkfleet::gateway {
namespace {

using namespace std::chrono_literals;
using namespace proto;
using testing::IsEmpty;
using testing::SizeIs;

class EditorSessionTest : public testing::Test {
 protected:
  EditorSessionTest() { relay.add_upstream("m", service); }

  void answer(ServerFrame frame) { relay.on_frame(service, std::move(frame), at(1ms)); }

  FakeUpstream service;
  CountingObserver observer;
  Relay relay{observer, 1};
  std::shared_ptr<FakePeer> editor = std::make_shared<FakePeer>();
  EditorSession session{relay, "m", {"key:k"}, 7, editor, [] { return at(0ms); }};
};

TEST_F(EditorSessionTest, PassesARequestOnAndItsAnswersBack) {
  session.on_text(
      R"({"type": "suggest", "id": "a", "prompt": "Once", "n": 2, "max_tokens": 9, "deadline_ms": 5000})");
  const auto sent = service.last_suggest();
  EXPECT_EQ(sent.prompt, "Once");
  EXPECT_EQ(sent.n, 2);
  EXPECT_EQ(sent.max_tokens, 9);
  EXPECT_EQ(sent.deadline, 5000ms);
  EXPECT_TRUE(sent.seed);
  answer(Started{.id = sent.id, .model = "m"});
  for (const int index : {0, 1}) answer(Finished{.id = sent.id, .index = index});
  answer(Completed{.id = sent.id});
  ASSERT_THAT(editor->frames, SizeIs(4));
  EXPECT_EQ(std::get<Started>(editor->frames[0]).id, "a");
  EXPECT_EQ(std::get<Finished>(editor->frames[2]).reason, FinishReason::kLength);
  EXPECT_EQ(std::get<Completed>(editor->frames[3]).id, "a");

  session.on_text(R"({"type": "suggest", "id": "a", "prompt": "the id is free again"})");
  EXPECT_THAT(service.all<Suggest>(), SizeIs(2));
}

TEST_F(EditorSessionTest, BadFramesAreAnsweredAndOthersGoOn) {
  session.on_text(R"({"type": "suggest", "id": "good", "prompt": "x"})");
  for (const auto* bad : {"", "not json", "[]", "{}", R"({"type": "sing"})", R"({"type": "cancel"})"}) {
    session.on_text(bad);
    const auto error = std::get<Error>(editor->frames.back());
    EXPECT_EQ(error.code, ErrorCode::kBadRequest) << bad;
    EXPECT_FALSE(error.id) << bad;
    EXPECT_TRUE(error.frame) << bad;
  }
  session.on_binary();
  EXPECT_THAT(editor->all<Error>(), SizeIs(7));
  session.on_text(R"({"type": "suggest", "id": "b", "prompt": "x", "n": 33})");
  EXPECT_EQ(std::get<Error>(editor->frames.back()).id, "b");
  EXPECT_EQ(std::get<Error>(editor->frames.back()).field, "n");

  answer(Completed{.id = service.last_suggest().id});
  EXPECT_EQ(std::get<Completed>(editor->frames.back()).id, "good");
}

// Deliberate break: refuse() without without_request() ends the request that runs.
TEST_F(EditorSessionTest, ADuplicateIdEndsNothing) {
  session.on_text(R"({"type": "suggest", "id": "a", "prompt": "x"})");
  for (const auto* again : {R"({"type": "suggest", "id": "a", "prompt": "y"})",
                            R"({"type": "suggest", "id": "a", "prompt": "y", "n": 99})"}) {
    session.on_text(again);
    const auto error = std::get<Error>(editor->frames.back());
    EXPECT_FALSE(error.id);
    EXPECT_EQ(error.frame, "suggest");
    EXPECT_TRUE(error.field);
  }
  EXPECT_THAT(service.all<Suggest>(), SizeIs(1));
  answer(Completed{.id = service.last_suggest().id});
  EXPECT_THAT(editor->all<Completed>(), SizeIs(1));
}

TEST_F(EditorSessionTest, CancelIsForwardedAndUnknownIdsAreNot) {
  session.on_text(R"({"type": "suggest", "id": "a", "prompt": "x", "n": 2})");
  session.on_text(R"({"type": "cancel", "id": "a", "index": 1})");
  session.on_text(R"({"type": "cancel", "id": "unknown"})");
  ASSERT_THAT(service.all<Cancel>(), SizeIs(1));
  EXPECT_EQ(service.all<Cancel>()[0].id, service.last_suggest().id);
  EXPECT_EQ(service.all<Cancel>()[0].index, 1);
  EXPECT_THAT(editor->frames, IsEmpty());
}

TEST_F(EditorSessionTest, ANewerRequestOfADocumentCancelsTheOlder) {
  session.on_text(R"({"type": "suggest", "id": "a", "prompt": "x", "document": "d"})");
  const auto older = service.last_suggest();
  session.on_text(R"({"type": "suggest", "id": "b", "prompt": "x", "document": "other"})");
  EXPECT_THAT(service.all<Cancel>(), IsEmpty());
  session.on_text(R"({"type": "suggest", "id": "c", "prompt": "xy", "document": "d"})");
  ASSERT_THAT(service.all<Cancel>(), SizeIs(1));
  EXPECT_EQ(service.all<Cancel>()[0].id, older.id);
  answer(Started{.id = older.id});
  answer(Finished{.id = older.id, .reason = FinishReason::kCancelled});
  answer(Completed{.id = older.id});
  EXPECT_EQ(std::get<Completed>(editor->frames.back()).id, "a");
}

TEST_F(EditorSessionTest, DocumentsOfDifferentEditorsStayApart) {
  auto other_editor = std::make_shared<FakePeer>();
  EditorSession other(relay, "m", {"key:k"}, 8, other_editor);
  session.on_text(R"({"type": "suggest", "id": "a", "prompt": "x", "document": "d"})");
  other.on_text(R"({"type": "suggest", "id": "a", "prompt": "x", "document": "d"})");
  EXPECT_THAT(service.all<Cancel>(), IsEmpty());
  EXPECT_NE(service.all<Suggest>()[0].document, service.all<Suggest>()[1].document);
  other.on_closed();
}

TEST_F(EditorSessionTest, LongDocumentNamesStayWithinTheirLimit) {
  const std::string longest(limits::kDocumentBytes, 'x');
  auto differs = longest;
  differs.back() = 'y';
  EXPECT_LE(document_of(1, longest).size(), limits::kDocumentBytes);
  EXPECT_NE(document_of(1, longest), document_of(1, differs));
  EXPECT_NE(document_of(1, longest), document_of(2, longest));
  EXPECT_EQ(document_of(3, "d"), "c3:d");
}

TEST_F(EditorSessionTest, TheSeventeenthRequestIsOverloaded) {
  for (int i = 0; i < 17; ++i) {
    session.on_text(R"({"type": "suggest", "prompt": "x", "id": "r)" + std::to_string(i) + "\"}");
  }
  EXPECT_THAT(service.all<Suggest>(), SizeIs(16));
  const auto error = std::get<Error>(editor->frames.back());
  EXPECT_EQ(error.code, ErrorCode::kOverloaded);
  EXPECT_EQ(error.id, "r16");
  EXPECT_TRUE(error.retry_after);
}

// Deliberate break: the limit asked after the older request of the document was cancelled.
TEST_F(EditorSessionTest, WhatSupersedesTakesThePlaceOfTheOlderAndWhatIsRefusedSupersedesNothing) {
  const auto suggest = [&](const std::string& id) {
    session.on_text(R"({"type": "suggest", "id": ")" + id + R"(", "prompt": "x", "document": ")" +
                    id.substr(0, 1) + R"("})");
  };
  for (std::size_t i = 0; i < limits::kLiveRequestsPerEditor; ++i)
    suggest(std::string(1, static_cast<char>('a' + i)));
  suggest("a2");
  EXPECT_THAT(editor->all<Error>(), IsEmpty());
  EXPECT_THAT(service.all<Cancel>(), SizeIs(1)) << "a's";
  suggest("a3");
  EXPECT_EQ(std::get<Error>(editor->frames.back()).id, "a3") << "a itself has not ended yet";
  EXPECT_THAT(service.all<Cancel>(), SizeIs(1)) << "a2 goes on";
  answer(Completed{.id = service.all<Cancel>().front().id});
  suggest("a4");
  EXPECT_THAT(service.all<Cancel>(), SizeIs(2)) << "a2's";
}

TEST_F(EditorSessionTest, WithoutAServiceTheNextRequestStillWorks) {
  service.up = false;
  session.on_text(R"({"type": "suggest", "id": "a", "prompt": "x"})");
  EXPECT_EQ(std::get<Error>(editor->frames.back()).code, ErrorCode::kUnavailable);
  service.up = true;
  session.on_text(R"({"type": "suggest", "id": "a", "prompt": "x"})");
  EXPECT_THAT(service.all<Suggest>(), SizeIs(1));
}

TEST_F(EditorSessionTest, AClosedConnectionCancelsEverything) {
  session.on_text(R"({"type": "suggest", "id": "a", "prompt": "x"})");
  session.on_text(R"({"type": "suggest", "id": "b", "prompt": "x"})");
  session.on_closed();
  EXPECT_THAT(service.all<Cancel>(), SizeIs(2));
  answer(Completed{.id = service.last_suggest().id});
  EXPECT_THAT(editor->frames, IsEmpty());
}

}  // namespace
}  // namespace inkfleet::gateway
