#include "gateway/openai_request.hpp"

#include <gmock/gmock.h>

#include "proto/json.hpp"
#include "proto/limits.hpp"

namespace inkfleet::gateway {
namespace {

using proto::Error;
using proto::ErrorCode;
using proto::Json;
using proto::TokenId;
using testing::ElementsAre;
using testing::HasSubstr;

const Router kRouter({Route{.name = "gpt2", .aliases = {"davinci-002"}, .upstreams = {}}});

Json body_with(const Json& fields) {
  Json body = {{"model", "gpt2"}, {"prompt", "Once"}};
  body.update(fields);
  return body;
}

CompletionRequest accepted(const Json& fields) {
  auto parsed = parse_completion(body_with(fields).dump(), kRouter);
  if (const auto* error = std::get_if<Error>(&parsed)) {
    ADD_FAILURE() << fields << ": " << error->message;
    return {};
  }
  return std::get<CompletionRequest>(std::move(parsed));
}

Error refused(const std::string& body) {
  auto parsed = parse_completion(body, kRouter);
  if (auto* error = std::get_if<Error>(&parsed)) return std::move(*error);
  ADD_FAILURE() << body << " was accepted";
  return {};
}

TEST(ParseCompletion, DefaultsAreOpenAis) {
  const auto request = accepted(Json::object());
  EXPECT_EQ(request.model, "gpt2");
  EXPECT_THAT(request.prompts, ElementsAre(Prompt("Once")));
  EXPECT_EQ(request.suggest.n, 1);
  EXPECT_EQ(request.suggest.max_tokens, 16);
  EXPECT_EQ(request.suggest.temperature, 1.0);
  EXPECT_EQ(request.suggest.top_p, 1.0);
  EXPECT_EQ(request.suggest.top_k, 0);
  EXPECT_EQ(request.suggest.seed, std::nullopt);
  EXPECT_EQ(request.suggest.logprobs, std::nullopt);
  EXPECT_FALSE(request.echo || request.stream || request.include_usage);
}

TEST(ParseCompletion, NullMeansAbsent) {
  Json nulls;
  for (const char* name : {"n", "best_of", "max_tokens", "temperature", "top_p", "seed", "stop", "logprobs",
                           "echo", "stream", "stream_options", "suffix", "logit_bias", "presence_penalty",
                           "frequency_penalty", "user", "deadline_ms"}) {
    nulls[name] = nullptr;
  }
  EXPECT_EQ(accepted(nulls).suggest.max_tokens, 16);
}

TEST(ParseCompletion, EveryParameterArrives) {
  const auto request = accepted({{"model", "davinci-002"},
                                 {"n", 3},
                                 {"best_of", 3},
                                 {"max_tokens", 7},
                                 {"temperature", 0.5},
                                 {"top_p", 0.9},
                                 {"seed", 11},
                                 {"stop", {"\n", "END"}},
                                 {"logprobs", 2},
                                 {"stream", true},
                                 {"stream_options", {{"include_usage", true}}},
                                 {"suffix", ""},
                                 {"logit_bias", Json::object()},
                                 {"presence_penalty", 0},
                                 {"frequency_penalty", 0.0},
                                 {"user", "somebody"},
                                 {"deadline_ms", 5000},
                                 {"unheard_of", 1}});
  EXPECT_EQ(request.model, "gpt2");
  EXPECT_EQ(request.suggest.n, 3);
  EXPECT_EQ(request.suggest.max_tokens, 7);
  EXPECT_EQ(request.suggest.temperature, 0.5);
  EXPECT_EQ(request.suggest.top_p, 0.9);
  EXPECT_EQ(request.suggest.seed, 11U);
  EXPECT_THAT(request.suggest.stop, ElementsAre("\n", "END"));
  EXPECT_EQ(request.suggest.logprobs, 2);
  EXPECT_EQ(request.suggest.deadline, std::chrono::seconds(5));
  EXPECT_TRUE(request.stream && request.include_usage);
  EXPECT_THAT(accepted({{"stop", "one"}}).suggest.stop, ElementsAre("one"));
}

// Deliberate break: a list of numbers read as a list of prompts.
TEST(ParseCompletion, APromptIsTextOrTokensOrAListOfEither) {
  const std::vector<TokenId> ids{464, 1468};
  EXPECT_THAT(accepted({{"prompt", nullptr}}).prompts, ElementsAre(Prompt("")));
  EXPECT_THAT(accepted({{"prompt", {"a", "b"}}}).prompts, ElementsAre(Prompt("a"), Prompt("b")));
  EXPECT_THAT(accepted({{"prompt", ids}}).prompts, ElementsAre(Prompt(ids)));
  EXPECT_THAT(accepted({{"prompt", {ids, {5}}}}).prompts,
              ElementsAre(Prompt(ids), Prompt(std::vector<TokenId>{5})));
  EXPECT_THAT(accepted({{"prompt", Json::array({"a", ids})}}).prompts, ElementsAre(Prompt("a"), Prompt(ids)));
  EXPECT_EQ(accepted({{"prompt", {"a", "b"}}, {"n", 3}}).choices(), 6U);
}

struct Refusal {
  const char* field;
  Json value;
  const char* says;
};

TEST(ParseCompletion, RefusalsNameTheParameterAndTheLimit) {
  const std::string long_stop(65, 'x');
  for (const auto& [field, value, says] : std::initializer_list<Refusal>{
           {"model", nullptr, "missing"},
           {"model", 5, "text"},
           {"prompt", 5, "text or a list of tokens"},
           {"prompt", Json::array(), "text or a list of tokens"},
           {"prompt", {1, -1}, "0 to 2147483647"},
           {"prompt", {1, "a"}, "text or a list of tokens"},
           {"prompt", Json::array({Json::array({Json::array({1})})}), "a token must be"},
           {"prompt", std::vector<std::string>(33, "a"), "32 prompts"},
           {"n", 0, "1 to 32"},
           {"n", 33, "1 to 32"},
           {"max_tokens", 0, "1 to 1024"},
           {"max_tokens", 1025, "1 to 1024"},
           {"temperature", 2.5, "0 to 2"},
           {"top_p", 1.5, "0 to 1"},
           {"seed", -1, "0 to 9007199254740991"},
           {"stop", long_stop, "1 to 64"},
           {"stop", {"a", "b", "c", "d", "e"}, "up to 4"},
           {"stop", {""}, "1 to 64"},
           {"logprobs", 6, "0 to 5"},
           {"logprobs", true, "0 to 5"},
           {"echo", "yes", "true or false"},
           {"stream", 1, "true or false"},
           {"stream_options", {{"include_usage", true}}, "with stream"},
           {"best_of", 2, "must be n"},
           {"suffix", " end", "not supported"},
           {"logit_bias", {{"50256", -100}}, "not supported"},
           {"presence_penalty", 0.5, "not supported"},
           {"frequency_penalty", -2, "not supported"},
           {"user", 5, "text"},
           {"deadline_ms", 99, "100 to 600000"},
       }) {
    const auto error = refused(body_with({{field, value}}).dump());
    EXPECT_EQ(error.code, ErrorCode::kBadRequest) << field << " " << value;
    EXPECT_EQ(error.field, field) << value << ": " << error.message;
    EXPECT_THAT(error.message, HasSubstr(says)) << field << " " << value;
  }
}

TEST(ParseCompletion, SomeParametersDoNotGoTogether) {
  EXPECT_EQ(refused(body_with({{"echo", true}, {"logprobs", 0}}).dump()).field, "echo");
  EXPECT_EQ(refused(body_with({{"stream", false}, {"stream_options", Json::object()}}).dump()).field,
            "stream_options");
  const auto many = refused(body_with({{"prompt", std::vector<std::string>(32, "a")}, {"n", 5}}).dump());
  EXPECT_EQ(many.field, "n");
  EXPECT_THAT(many.message, HasSubstr("128"));
}

TEST(ParseCompletion, OtherRefusalsHaveCodesOfTheirOwn) {
  EXPECT_EQ(refused(body_with({{"model", "gpt-5"}}).dump()).code, ErrorCode::kUnknownModel);
  EXPECT_EQ(refused(body_with({{"model", "gpt-5"}}).dump()).field, "model");
  const auto text = refused(body_with({{"prompt", std::string(64 * 1024, 'x')}}).dump());
  EXPECT_EQ(text.code, ErrorCode::kTooLarge);
  EXPECT_EQ(text.field, "prompt");
  const auto ids = refused(body_with({{"prompt", std::vector<int>(4097, 1)}}).dump());
  EXPECT_EQ(ids.code, ErrorCode::kTooLarge);
  const auto echo =
      refused(body_with({{"prompt", std::string(60'000, 'x')}, {"n", 18}, {"echo", true}}).dump());
  EXPECT_EQ(echo.code, ErrorCode::kTooLarge);
  EXPECT_EQ(echo.field, "echo");
  const auto logprobs = refused(body_with({{"n", 17}, {"max_tokens", 1000}, {"logprobs", 0}}).dump());
  EXPECT_EQ(logprobs.code, ErrorCode::kTooLarge);
  EXPECT_EQ(logprobs.field, "logprobs");
  for (const char* body : {"", "{", "[]", "5", R"("text")"}) {
    EXPECT_EQ(refused(body).code, ErrorCode::kBadRequest) << body;
  }
}

}  // namespace
}  // namespace inkfleet::gateway
