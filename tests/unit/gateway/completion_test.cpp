#include <fmt/format.h>
#include <gmock/gmock.h>

#include "gateway/completion_answer.hpp"
#include "gateway/openai_error.hpp"
#include "gateway/openai_logprobs.hpp"
#include "tests/unit/gateway/fakes.hpp"

namespace inkfleet::gateway {
namespace {

using namespace std::chrono_literals;
using namespace proto;
using testing::ElementsAre;
using testing::IsEmpty;

/// An answer, the relay it asks and a service that answers what a test says.
class CompletionTest : public testing::Test {
 protected:
  CompletionTest() { relay.add_upstream("m", service); }

  void ask(CompletionRequest request) {
    request.model = "m";
    if (request.prompts.empty()) request.prompts = {"Once"};
    answer = std::make_unique<CompletionAnswer>(
        relay, std::move(request), Caller{"key:alice"}, "cmpl-1", 7, [this] { ++changes; }, at(0ms));
  }

  std::string id(std::size_t prompt = 0) const { return service.all<Suggest>()[prompt].id; }
  void say(ServerFrame frame, std::size_t prompt = 0) {
    std::visit([&](auto& f) { f.id = id(prompt); }, frame);
    relay.on_frame(service, std::move(frame), at(1ms));
  }
  void finish(int index, FinishReason reason, std::size_t prompt = 0) {
    say(Finished{.index = index, .reason = reason}, prompt);
  }
  void complete(Usage usage, std::size_t prompt = 0) {
    say(Completed{.usage = usage, .receipt = {"m", "sha256:0", {"1", "cpu", "int8", "avx2"}, 3}}, prompt);
  }

  /// The data of the events in a piece.
  static std::vector<std::string> events(const std::string& piece) {
    std::vector<std::string> events;
    for (std::size_t at = 0; at < piece.size();) {
      const auto end = piece.find("\n\n", at);
      EXPECT_EQ(piece.substr(at, 6), "data: ");
      events.push_back(piece.substr(at + 6, end - at - 6));
      at = end + 2;
    }
    return events;
  }
  static std::string text_of(const std::string& event) { return Json::parse(event)["choices"][0]["text"]; }

  FakeUpstream service;
  CountingObserver observer;
  Relay relay{observer, 1};
  int changes = 0;
  std::unique_ptr<CompletionAnswer> answer;
};

TEST_F(CompletionTest, OneAnswerHoldsAllChoicesOfAllPrompts) {
  ask({.prompts = {"a", std::vector<TokenId>{5, 6}}, .suggest = {.n = 2}});
  EXPECT_EQ(service.all<Suggest>()[0].prompt, "a");
  EXPECT_THAT(*service.all<Suggest>()[1].prompt_ids, ElementsAre(5, 6));
  for (const std::size_t prompt : {0U, 1U}) {
    say(Started{.prompt_tokens = 10, .cached_tokens = 4}, prompt);
    for (const int index : {1, 0}) {
      say(Delta{.index = index, .text = fmt::format("p{}c{}", prompt, index), .tokens = {1}}, prompt);
      finish(index, index == 0 ? FinishReason::kLength : FinishReason::kEndOfText, prompt);
    }
    EXPECT_FALSE(answer->take().last) << "a prompt is still open";
    complete({.completion_tokens = 2}, prompt);
  }
  const auto part = answer->take();
  ASSERT_TRUE(part.head && part.last);
  EXPECT_EQ(part.head->result_int(), 200U);
  EXPECT_EQ(Json::parse(part.head->body()),
            Json::parse(R"({"id": "cmpl-1", "object": "text_completion", "created": 7,
    "model": "m", "choices": [
      {"text": "p0c0", "index": 0, "logprobs": null, "finish_reason": "length"},
      {"text": "p0c1", "index": 1, "logprobs": null, "finish_reason": "stop"},
      {"text": "p1c0", "index": 2, "logprobs": null, "finish_reason": "length"},
      {"text": "p1c1", "index": 3, "logprobs": null, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 20, "completion_tokens": 4, "total_tokens": 24,
              "prompt_tokens_details": {"cached_tokens": 8}},
    "system_fingerprint": "sha256:0/1/cpu/int8/avx2"})"));
  EXPECT_EQ(observer.outcomes["completed"], 2);
}

// Deliberate break: events() that does not clear what it gave out sends it twice.
TEST_F(CompletionTest, AStreamGivesEachTextOnceAndMergesWhatWaits) {
  ask({.suggest = {.n = 2}, .stream = true, .include_usage = true});
  EXPECT_FALSE(answer->take().head) << "until a model writes it may still be refused";
  say(Started{.prompt_tokens = 3});
  const auto head = answer->take();
  ASSERT_TRUE(head.head);
  EXPECT_EQ((*head.head)[net::http::field::content_type], "text/event-stream; charset=utf-8");
  EXPECT_EQ(head.piece, "");

  say(Delta{.index = 1, .text = " upon", .tokens = {1}});
  EXPECT_EQ(text_of(events(answer->take().piece)[0]), " upon");
  EXPECT_EQ(answer->take().piece, "") << "nothing is new";

  say(Delta{.index = 1, .offset = 1, .text = " a", .tokens = {2}});
  say(Delta{.index = 1, .offset = 2, .text = " time", .tokens = {3}});
  finish(1, FinishReason::kStop);
  const auto merged = events(answer->take().piece);
  ASSERT_EQ(merged.size(), 1U);
  EXPECT_EQ(
      Json::parse(merged[0]),
      Json::parse(R"({"id": "cmpl-1", "object": "text_completion", "created": 7, "model": "m", "usage": null,
              "choices": [{"text": " a time", "index": 1, "logprobs": null, "finish_reason": "stop"}]})"));

  finish(0, FinishReason::kLength);
  complete({.completion_tokens = 3});
  const auto last = answer->take();
  EXPECT_TRUE(last.last);
  const auto end = events(last.piece);
  ASSERT_EQ(end.size(), 3U);
  EXPECT_EQ(Json::parse(end[0])["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(Json::parse(end[1])["choices"], Json::array());
  EXPECT_EQ(Json::parse(end[1])["usage"]["total_tokens"], 6);
  EXPECT_EQ(end[2], "[DONE]");
}

TEST_F(CompletionTest, EchoPutsThePromptBeforeTheText) {
  ask({.prompts = {"Once", std::vector<TokenId>{7454}}, .suggest = {.n = 1}, .echo = true});
  say(Started{}, 0);
  say(Started{.prompt = "Twice"}, 1);
  for (const std::size_t prompt : {0U, 1U}) {
    say(Delta{.text = " upon", .tokens = {1}}, prompt);
    finish(0, FinishReason::kLength, prompt);
    complete({}, prompt);
  }
  const auto whole = Json::parse(answer->take().head->body());
  EXPECT_EQ(whole["choices"][0]["text"], "Once upon");
  EXPECT_EQ(whole["choices"][1]["text"], "Twice upon");
}

TEST_F(CompletionTest, LogProbabilitiesAreGivenByText) {
  ask({.suggest = {.logprobs = 1}, .stream = true});
  say(Started{});
  const std::vector<TokenLogprob> first{{.logprob = -2, .top = {{9, -1}}, .text = " é", .top_texts = {" a"}},
                                        {.logprob = -1, .top = {{4, -1}}, .text = "x", .top_texts = {"x"}}};
  say(Delta{.text = " éx", .tokens = {3, 4}, .logprobs = first});
  EXPECT_EQ(Json::parse(events(answer->take().piece)[0])["choices"][0]["logprobs"],
            Json::parse(R"({"tokens": [" é", "x"], "token_logprobs": [-2.0, -1.0], "text_offset": [0, 2],
              "top_logprobs": [{" a": -1.0, " é": -2.0}, {"x": -1.0}]})"));
  say(Delta{.offset = 2, .text = "y", .tokens = {5}, .logprobs = {{.logprob = -3, .top = {}, .text = "y"}}});
  EXPECT_EQ(Json::parse(events(answer->take().piece)[0])["choices"][0]["logprobs"]["text_offset"], Json{3});
}

TEST(CharactersIn, CountsWhatBegins) {
  EXPECT_EQ(characters_in(""), 0U);
  EXPECT_EQ(characters_in(" né"), 3U);
  EXPECT_EQ(characters_in("bytes:\\xe2\\x80"), 1U);
  EXPECT_EQ(characters_in("bytes:\\x80"), 0U);
}

// ---- what goes wrong --------------------------------------------------------------------------------------

struct Mapped {
  ErrorCode code;
  unsigned status;
  const char* type;
};

TEST_F(CompletionTest, ErrorsBeforeTheFirstWordAreStatuses) {
  for (const auto& [code, status, type] : std::initializer_list<Mapped>{
           {ErrorCode::kBadRequest, 400, "invalid_request_error"},
           {ErrorCode::kUnauthorized, 401, "invalid_request_error"},
           {ErrorCode::kUnknownModel, 404, "invalid_request_error"},
           {ErrorCode::kTooLarge, 413, "invalid_request_error"},
           {ErrorCode::kOverloaded, 503, "server_error"},
           {ErrorCode::kUnavailable, 503, "server_error"},
           {ErrorCode::kDeadline, 504, "server_error"},
           {ErrorCode::kInternal, 500, "server_error"},
       }) {
    for (const bool stream : {false, true}) {
      service.sent.clear();
      ask({.stream = stream});
      say(Error{.code = code, .message = "why", .field = "prompt_ids", .retry_after = 1100ms});
      const auto part = answer->take();
      ASSERT_TRUE(part.head && part.last) << name(code);
      EXPECT_EQ(part.head->result_int(), status) << name(code);
      EXPECT_EQ((*part.head)[net::http::field::retry_after], status == 503 ? "2" : "") << name(code);
      EXPECT_EQ(Json::parse(part.head->body())["error"],
                (Json{{"message", "why"}, {"type", type}, {"param", "prompt"}, {"code", name(code)}}));
    }
  }
  const Error limited{.code = ErrorCode::kOverloaded, .message = "why"};
  EXPECT_EQ(openai_refusal(limited, Overload::kCaller).result_int(), 429U);
  EXPECT_EQ(openai_error(limited, Overload::kCaller)["error"]["type"], "rate_limit_error");
}

TEST_F(CompletionTest, AnErrorInTheMiddleEndsTheStreamAndIsItsLastEvent) {
  ask({.prompts = {"a", "b"}, .stream = true});
  say(Started{});
  answer->take();
  say(Error{.code = ErrorCode::kBadRequest, .message = "why"});
  const auto part = answer->take();
  EXPECT_TRUE(part.last);
  ASSERT_EQ(events(part.piece).size(), 1U);
  EXPECT_EQ(Json::parse(events(part.piece)[0])["error"]["message"], "why");
  ASSERT_EQ(service.all<Cancel>().size(), 1U) << "the other prompt is given up";
  EXPECT_EQ(service.all<Cancel>()[0].id, id(1));
}

TEST_F(CompletionTest, ADeadlineIsAnErrorHoweverMuchIsThere) {
  ask({});
  say(Started{});
  say(Delta{.text = " upon", .tokens = {1}});
  finish(0, FinishReason::kDeadline);
  EXPECT_EQ(answer->take().head->result_int(), 504U);
}

TEST_F(CompletionTest, WithoutAServiceTheFirstRefusalIsTheAnswer) {
  service.up = false;
  ask({.prompts = {"a", "b", "c"}});
  EXPECT_EQ(observer.begun, 1);
  const auto part = answer->take();
  EXPECT_EQ(part.head->result_int(), 503U);
  EXPECT_EQ((*part.head)[net::http::field::retry_after], "1");
}

// Deliberate break: an on_closed() that does nothing leaves the service writing for nobody.
TEST_F(CompletionTest, WhoeverGoesAwayStopsWhatRuns) {
  ask({.prompts = {"a", "b"}});
  answer->on_closed();
  EXPECT_EQ(service.all<Cancel>().size(), 2U);
  answer.reset();
  const int before = changes;
  say(Started{});
  complete({}, 1);
  EXPECT_EQ(changes, before) << "nobody is told any more";
}

TEST_F(CompletionTest, AnotherServiceGoesOnWithinOneStream) {
  FakeUpstream other{"ws://other"};
  relay.add_upstream("m", other);
  ask({.prompts = {"a"}, .stream = true});
  auto& first = service.sent.empty() ? other : service;
  auto& second = service.sent.empty() ? service : other;
  const auto asked = first.last_suggest();
  relay.on_frame(first, Started{.id = asked.id}, at(1ms));
  relay.on_frame(first, Delta{.id = asked.id, .text = "one", .tokens = {1}}, at(1ms));
  EXPECT_THAT(events(answer->take().piece).size(), 1U);
  first.up = false;
  relay.on_lost(first, at(2ms));
  const auto moved = second.last_suggest();
  EXPECT_THAT((*moved.resume)[0].tokens, ElementsAre(1));
  relay.on_frame(second, Started{.id = moved.id}, at(3ms));
  relay.on_frame(second, Delta{.id = moved.id, .offset = 1, .text = " two", .tokens = {2}}, at(3ms));
  EXPECT_EQ(text_of(events(answer->take().piece)[0]), " two");
}

}  // namespace
}  // namespace inkfleet::gateway
