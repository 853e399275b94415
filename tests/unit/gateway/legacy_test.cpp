#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "gateway/legacy_session.hpp"
#include "tests/unit/gateway/fakes.hpp"

namespace inkfleet::gateway {
namespace {

using namespace std::chrono_literals;
using namespace proto;
using nlohmann::json;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const Router kRouter({{.name = "gpt2-demo", .aliases = {"gpt2-medium"}}, {.name = "wizards"}});

/// A valid request with one field replaced; null leaves it out.
std::string request(const std::string& field = "", const json& value = nullptr) {
  json message{{"message_type", "new_request"},
               {"prompt", " a prompt\n"},
               {"model_name", "gpt2-medium"},
               {"batch_size", 2},
               {"length", 30},
               {"temperature", 0.5},
               {"top_k", 20},
               {"top_p", 0.25}};
  message[field] = value;
  if (value.is_null()) message.erase(field);
  return message.dump();
}

TEST(LegacyRequest, ReadsEveryField) {
  const auto got = std::get<LegacyRequest>(parse_legacy(request(), kRouter));
  EXPECT_EQ(got.prompt, "a prompt");
  EXPECT_EQ(got.model, "gpt2-demo");
  EXPECT_EQ(got.batch_size, 2);
  EXPECT_EQ(got.length, 30);
  EXPECT_EQ(got.temperature, 0.5);
  EXPECT_EQ(got.top_k, 20);
  EXPECT_EQ(got.top_p, 0.25);
}

TEST(LegacyRequest, DefaultsAndNumbersAsText) {
  const auto bare = parse_legacy(R"({"message_type": "new_request", "prompt": "x"})", kRouter);
  const auto defaults = std::get<LegacyRequest>(bare);
  EXPECT_EQ(defaults.model, "gpt2-demo");
  EXPECT_EQ(defaults.batch_size, 5);
  EXPECT_EQ(defaults.length, 40);
  EXPECT_EQ(defaults.temperature, 0.7);
  EXPECT_EQ(defaults.top_k, 10);
  EXPECT_EQ(defaults.top_p, 0.0);
  const auto texts = R"({"message_type": "new_request", "prompt": "x", "batch_size": "3", "length": " 7 ",
                         "temperature": "0.9", "top_k": "0", "top_p": "1", "other": [1]})";
  const auto got = std::get<LegacyRequest>(parse_legacy(texts, kRouter));
  EXPECT_EQ(got.batch_size, 3);
  EXPECT_EQ(got.length, 7);
  EXPECT_EQ(got.temperature, 0.9);
  EXPECT_EQ(got.top_k, 0);
  EXPECT_EQ(got.top_p, 1.0);
}

TEST(LegacyRequest, OutOfRangeOrOfTheWrongTypeIsInvalid) {
  const std::vector<std::pair<const char*, std::vector<json>>> bad{
      {"batch_size", {0, 11, 1.5, "", "x", "2x", true, json::array(), json::object(), "nan", 1e300}},
      {"length", {0, 257, -1, "1e9", 2.5}},
      {"temperature", {0, 0.09, 1.01, "hot", "inf"}},
      {"top_k", {-1, 41, 0.5}},
      {"top_p", {-0.1, 1.1}},
      {"model_name", {"unknown", "", 5}},
      {"prompt", {"", " \n\t\u3000", 5, nullptr}}};
  for (const auto& [field, values] : bad) {
    for (const auto& value : values) {
      EXPECT_TRUE(std::holds_alternative<LegacyInvalid>(parse_legacy(request(field, value), kRouter)))
          << field << ": " << value;
    }
  }
  EXPECT_EQ(std::get<LegacyInvalid>(parse_legacy(request("length", 0), kRouter)).prompt, " a prompt\n");
  EXPECT_EQ(std::get<LegacyInvalid>(parse_legacy(request("prompt", 5), kRouter)).prompt, "");
}

TEST(LegacyRequest, WhatIsNotAnEditorsToSendIsIgnored) {
  for (const auto& text :
       {std::string("not json"), std::string("[]"), std::string("5"), std::string("{}"),
        request("message_type", "updated_response"), request("message_type", "completed_response"),
        request("message_type", 5), request("message_type")}) {
    EXPECT_TRUE(std::holds_alternative<LegacyIgnored>(parse_legacy(text, kRouter))) << text;
  }
  EXPECT_TRUE(
      std::holds_alternative<LegacyCancel>(parse_legacy(R"({"message_type": "cancel_request"})", kRouter)));
}

class LegacySessionTest : public testing::Test {
 protected:
  LegacySessionTest() {
    relay.add_upstream("gpt2-demo", service);
    relay.add_upstream("wizards", other);
  }
  ~LegacySessionTest() override {
    for (const auto& open : sockets) open->on_closed();
    EXPECT_EQ(sessions.size(), 0u);
  }

  net::WebSocketSession& open(const std::string& name, std::shared_ptr<FakePeer> peer,
                              const Caller& caller = {}) {
    sockets.push_back(sessions.open(name, std::move(peer), caller));
    return *sockets.back();
  }
  void answer(ServerFrame frame) { relay.on_frame(service, std::move(frame), at(1ms)); }
  void delta(const Suggest& suggest, int index, std::string text) {
    answer(Delta{.id = suggest.id, .index = index, .text = std::move(text)});
  }
  void complete(const Suggest& suggest) {
    for (int i = 0; i < suggest.n; ++i) answer(Finished{.id = suggest.id, .index = i});
    answer(Completed{.id = suggest.id});
  }
  json last(const FakePeer& peer) { return json::parse(peer.texts.back())["message"]; }

  FakeUpstream service, other;
  CountingObserver observer;
  Relay relay{observer, 1};
  SharedAnswers answers{relay};
  LegacySessions sessions{answers, kRouter, [] { return at(0ms); }};
  std::vector<std::unique_ptr<net::WebSocketSession>> sockets;
  std::shared_ptr<FakePeer> page = std::make_shared<FakePeer>();
};

TEST_F(LegacySessionTest, StreamsCumulativeCleanedTexts) {
  auto& socket = open("s", page);
  socket.on_text(request());
  const auto sent = service.last_suggest();
  EXPECT_EQ(sent.prompt, "a prompt");
  EXPECT_EQ(sent.n, 2);
  EXPECT_EQ(sent.max_tokens, 30);
  EXPECT_EQ(sent.top_k, 20);
  EXPECT_FALSE(sent.document) << "by which a service would end what other sessions share";

  answer(Started{.id = sent.id});
  EXPECT_THAT(page->texts, IsEmpty());
  delta(sent, 0, " and");
  EXPECT_EQ(last(*page), json({{"prompt", "a prompt"}, {"text_0", "and"}, {"text_1", ""}}));
  delta(sent, 1, " or <");
  EXPECT_EQ(last(*page)["text_1"], "or ");
  delta(sent, 1, "s> not this");
  delta(sent, 0, " so on ");
  EXPECT_EQ(last(*page)["text_0"], "and so on");
  complete(sent);
  EXPECT_EQ(last(*page), json({{"prompt", "a prompt"}, {"text_0", "and so on"}, {"text_1", "or "}}));
}

TEST_F(LegacySessionTest, AHeldBackTailIsShownAtTheEnd) {
  open("s", page).on_text(request("batch_size", 1));
  const auto sent = service.last_suggest();
  answer(Started{.id = sent.id});
  delta(sent, 0, "a <");
  EXPECT_EQ(last(*page)["text_0"], "a ");
  complete(sent);
  EXPECT_EQ(last(*page)["text_0"], "a <");
}

TEST_F(LegacySessionTest, ARequestWithoutAnyTextIsAnsweredAllTheSame) {
  open("s", page).on_text(request());
  const auto sent = service.last_suggest();
  answer(Started{.id = sent.id});
  complete(sent);
  ASSERT_THAT(page->texts, SizeIs(1));
  EXPECT_EQ(last(*page), json({{"prompt", "a prompt"}, {"text_0", ""}, {"text_1", ""}}));
}

// Deliberate break: an ask() with the owner "" answers both from one computation.
TEST_F(LegacySessionTest, OwnersShareNeitherNamesNorAnswers) {
  auto stranger = std::make_shared<FakePeer>();
  open("s", page, {"key:a"}).on_text(request());
  const auto first = service.last_suggest();
  open("s", stranger, {"key:b"}).on_text(request());
  const auto second = service.last_suggest();
  EXPECT_NE(first.id, second.id);
  answer(Started{.id = first.id});
  delta(first, 0, " and");
  EXPECT_THAT(page->texts, SizeIs(1));
  EXPECT_THAT(stranger->texts, IsEmpty());
}

// Deliberate break: without stop() in start() the older request is never cancelled and its text is shown.
TEST_F(LegacySessionTest, ANewRequestSupersedesTheOlderWhoeverSentIt) {
  auto twin = std::make_shared<FakePeer>();
  open("s", page).on_text(request());
  const auto older = service.last_suggest();
  answer(Started{.id = older.id});
  delta(older, 0, "old");
  open("s", twin).on_text(request("prompt", "newer"));
  const auto newer = service.last_suggest();
  EXPECT_EQ(service.all<Cancel>().at(0).id, older.id);
  EXPECT_EQ(newer.document, older.document);

  delta(older, 0, " and late");
  complete(older);
  answer(Started{.id = newer.id});
  delta(newer, 0, "new");
  EXPECT_EQ(last(*page)["text_0"], "new");
  EXPECT_EQ(last(*page)["prompt"], "newer");
  EXPECT_EQ(page->texts.back(), twin->texts.back());
  EXPECT_THAT(twin->texts, SizeIs(1));
  EXPECT_NE(page->keys.front(), page->keys.back()) << "the newer text would replace the older's last one";
}

TEST_F(LegacySessionTest, OtherNamesAreOtherSessions) {
  auto elsewhere = std::make_shared<FakePeer>();
  open("s", page).on_text(request());
  open("t", elsewhere).on_text(request());
  EXPECT_THAT(service.all<Cancel>(), IsEmpty());
  EXPECT_THAT(service.all<Suggest>(), SizeIs(1)) << "equal requests are computed once";
  open("t", elsewhere).on_text(R"({"message_type": "cancel_request"})");
  EXPECT_THAT(service.all<Cancel>(), IsEmpty());
}

TEST_F(LegacySessionTest, InvalidDataAndFailures) {
  auto& socket = open("s", page);
  socket.on_text(request("length", 0));
  EXPECT_EQ(last(*page), json({{"prompt", " a prompt\n"}, {"text_0", "Invalid Data Was Passed"}}));
  socket.on_text("not json");
  EXPECT_THAT(page->texts, SizeIs(1));

  socket.on_text(request());
  relay.on_lost(service, at(1ms));
  EXPECT_EQ(last(*page), json({{"prompt", "a prompt"}, {"text_0", "An Error Occurred"}}));
  service.up = false;
  socket.on_text(request("prompt", "again"));
  EXPECT_EQ(last(*page)["prompt"], "again");
  EXPECT_EQ(last(*page)["text_0"], "An Error Occurred");
}

TEST_F(LegacySessionTest, AModelNameChoosesTheModel) {
  open("s", page).on_text(request("model_name", "wizards"));
  EXPECT_THAT(service.sent, IsEmpty());
  EXPECT_THAT(other.all<Suggest>(), SizeIs(1));
}

TEST_F(LegacySessionTest, CancelStopsWhatRuns) {
  auto& socket = open("s", page);
  socket.on_text(R"({"message_type": "cancel_request"})");
  socket.on_text(request());
  socket.on_text(R"({"message_type": "cancel_request"})");
  EXPECT_THAT(service.all<Cancel>(), SizeIs(1));
  answer(Started{.id = service.last_suggest().id});
  delta(service.last_suggest(), 0, "late");
  EXPECT_THAT(page->texts, IsEmpty());
}

TEST_F(LegacySessionTest, TheLastSocketToLeaveStopsWhatRuns) {
  auto twin = std::make_shared<FakePeer>();
  open("s", page).on_text(request());
  open("s", twin);
  sockets[0]->on_closed();
  EXPECT_THAT(service.all<Cancel>(), IsEmpty());
  sockets[1]->on_closed();
  EXPECT_THAT(service.all<Cancel>(), SizeIs(1));
  sockets.clear();
}

TEST_F(LegacySessionTest, EightSocketsAndNoMore) {
  for (int i = 0; i < 8; ++i) open("s", std::make_shared<FakePeer>());
  EXPECT_FALSE(sessions.has_room("s"));
  EXPECT_TRUE(sessions.has_room("t"));
  open("s", page);
  EXPECT_EQ(page->closed, net::CloseCode::kTryAgainLater);
}

// Deliberate break: a socket that was refused and forgets its name when it is closed.
TEST_F(LegacySessionTest, ARefusedSocketForgetsNoNewerSession) {
  for (int i = 0; i < 9; ++i) open("s", std::make_shared<FakePeer>());
  for (int i = 0; i < 8; ++i) sockets[static_cast<std::size_t>(i)]->on_closed();
  sockets.erase(sockets.begin(), sockets.begin() + 8);
  open("s", page);
  sockets.front()->on_closed();
  sockets.erase(sockets.begin());
  EXPECT_EQ(sessions.size(), 1u);
}

TEST(LegacyTestTwin, AnswersAnyJsonWithAPromptAtOnce) {
  auto page = std::make_shared<FakePeer>();
  LegacyTestSession session(page);
  session.on_text("not json");
  session.on_text("{}");
  EXPECT_THAT(page->texts, IsEmpty());
  session.on_text(R"({"prompt": " as sent "})");
  const auto message = json::parse(page->texts.at(0))["message"];
  EXPECT_EQ(message["prompt"], " as sent ");
  for (const auto* key : {"text_0", "text_1", "text_2", "text_3"}) EXPECT_FALSE(message[key].empty());
}

}  // namespace
}  // namespace inkfleet::gateway
