#include <gtest/gtest.h>

#include <string>

#include "proto/json.hpp"
#include "proto/limits.hpp"
#include "proto/parse.hpp"
#include "proto/serialize.hpp"

namespace inkfleet::proto {
namespace {

template <typename Frame>
Frame accepted(const Json& json) {
  auto result = parse_client_frame(json.dump());
  if (const auto* error = std::get_if<Error>(&result)) {
    ADD_FAILURE() << json << ": " << error->message;
    return {};
  }
  return std::get<Frame>(std::get<ClientFrame>(std::move(result)));
}

Error refused_text(std::string_view text) {
  auto result = parse_client_frame(text);
  if (auto* error = std::get_if<Error>(&result)) {
    EXPECT_EQ(error->code, ErrorCode::kBadRequest);
    EXPECT_FALSE(error->message.empty());
    EXPECT_NE(error->id.has_value(), error->frame.has_value()) << "either id or frame";
    return *std::move(error);
  }
  ADD_FAILURE() << text << " was accepted";
  return {};
}

Error refused(const Json& json) {
  return refused_text(json.dump());
}

Json suggest_with(const Json& fields) {
  Json frame = {{"type", "suggest"}, {"id", "a"}, {"prompt", "Once"}};
  frame.update(fields);
  return frame;
}

/// A `suggest` with this field wrong ends its request and names the field.
void expect_field_refused(const char* field, const Json& value) {
  const Error error = refused(suggest_with({{field, value}}));
  EXPECT_EQ(error.id, "a") << field << " " << value;
  EXPECT_EQ(error.field, field) << value << ": " << error.message;
}

TEST(ParseSuggest, ThePromptIsTextOrIds) {
  const Json ids = {{"type", "suggest"}, {"id", "a"}, {"prompt_ids", {0, 50256}}};
  EXPECT_EQ(accepted<Suggest>(ids).prompt_ids, (std::vector<TokenId>{0, 50256}));
  EXPECT_TRUE(
      accepted<Suggest>({{"type", "suggest"}, {"id", "a"}, {"prompt_ids", Json::array()}}).prompt_ids);
  EXPECT_EQ(refused({{"type", "suggest"}, {"id", "a"}, {"prompt_ids", nullptr}}).field, "prompt");
  for (const Json& wrong : std::initializer_list<Json>{{1},
                                                       {-1},
                                                       {1.5},
                                                       {"1"},
                                                       "text",
                                                       {std::int64_t{1} << 31},
                                                       Json(std::vector<int>(limits::kPromptIds + 1, 1))}) {
    Json frame = {{"type", "suggest"}, {"id", "a"}, {"prompt_ids", wrong}};
    if (wrong == Json{1}) frame["prompt"] = "both";
    const auto error = refused(frame);
    EXPECT_EQ(error.field, "prompt_ids") << wrong;
    EXPECT_EQ(error.id, "a");
  }
}

TEST(ParseSuggest, DefaultsAreTheContracts) {
  const auto suggest = accepted<Suggest>(suggest_with(Json::object()));
  EXPECT_EQ(suggest.id, "a");
  EXPECT_EQ(suggest.prompt, "Once");
  EXPECT_EQ(suggest.document, std::nullopt);
  EXPECT_EQ(suggest.n, 1);
  EXPECT_EQ(suggest.max_tokens, 40);
  EXPECT_EQ(suggest.temperature, 0.7);
  EXPECT_EQ(suggest.top_k, 0);
  EXPECT_EQ(suggest.top_p, 0.0);
  EXPECT_EQ(suggest.seed, std::nullopt);
  EXPECT_TRUE(suggest.stop.empty());
  EXPECT_EQ(suggest.logprobs, std::nullopt);
  EXPECT_EQ(suggest.deadline, std::chrono::seconds(60));
  EXPECT_FALSE(suggest.heal);
  EXPECT_EQ(suggest.resume, std::nullopt);
}

struct Bounds {
  const char* field;
  Json lowest, highest, below, above;
};

class SuggestBounds : public ::testing::TestWithParam<Bounds> {};

TEST_P(SuggestBounds, AreInclusive) {
  const Bounds& bounds = GetParam();
  accepted<Suggest>(suggest_with({{bounds.field, bounds.lowest}}));
  accepted<Suggest>(suggest_with({{bounds.field, bounds.highest}}));
  expect_field_refused(bounds.field, bounds.below);
  expect_field_refused(bounds.field, bounds.above);
}

TEST_P(SuggestBounds, WrongTypesAreRefused) {
  const char* field = GetParam().field;
  for (const Json& value : {Json("1"), Json(true), Json::array({1}), Json::object(), Json("")}) {
    expect_field_refused(field, value);
  }
}

TEST_P(SuggestBounds, NullIsAbsent) {
  accepted<Suggest>(suggest_with({{GetParam().field, nullptr}}));
}

INSTANTIATE_TEST_SUITE_P(Fields, SuggestBounds,
                         ::testing::Values(Bounds{"n", 1, 32, 0, 33}, Bounds{"max_tokens", 1, 1024, 0, 1025},
                                           Bounds{"temperature", 0, 2, -0.001, 2.001},
                                           Bounds{"top_k", 0, 2147483647, -1, 2147483648},
                                           Bounds{"top_p", 0, 1, -0.001, 1.001},
                                           Bounds{"seed", 0, 9007199254740991, -1, 9007199254740992},
                                           Bounds{"logprobs", 0, 5, -1, 6},
                                           Bounds{"deadline_ms", 100, 600000, 99, 600001}),
                         [](const auto& info) { return info.param.field; });

TEST(ParseSuggest, WholeNumbersMayHaveAZeroFraction) {
  EXPECT_EQ(accepted<Suggest>(suggest_with({{"max_tokens", 40.0}})).max_tokens, 40);
  EXPECT_EQ(accepted<Suggest>(suggest_with({{"seed", 9007199254740991.0}})).seed, 9007199254740991u);
  expect_field_refused("max_tokens", 40.5);
  expect_field_refused("n", 1e300);
  expect_field_refused("n", -1e300);
  expect_field_refused("seed", 18446744073709551615u);
  expect_field_refused("seed", 1.8446744073709552e19);
}

TEST(ParseSuggest, ErrorsNameTheLimitAndTheValue) {
  EXPECT_EQ(refused(suggest_with({{"n", 33}})).message, "n must be a whole number from 1 to 32; given: 33");
  EXPECT_EQ(refused(suggest_with({{"n", "5"}})).message,
            "n must be a whole number from 1 to 32; given: \"5\"");
  EXPECT_EQ(refused(suggest_with({{"top_p", 1.5}})).message,
            "top_p must be a number from 0 to 1; given: 1.5");
  EXPECT_EQ(refused(suggest_with({{"document", std::string(129, 'd')}})).message,
            "document must be text of 0 to 128 bytes; given: text of 129 bytes");
}

TEST(ParseSuggest, TextFieldsAreCountedInBytes) {
  EXPECT_EQ(accepted<Suggest>(suggest_with({{"id", std::string(64, 'i')}})).id.size(), 64u);
  accepted<Suggest>(suggest_with({{"document", std::string(128, 'd')}}));
  accepted<Suggest>(suggest_with({{"document", ""}}));
  expect_field_refused("document", std::string(127, 'd') + "é");
  expect_field_refused("document", 5);
  accepted<Suggest>(suggest_with({{"client", std::string(64, 'c')}}));
  expect_field_refused("client", std::string(65, 'c'));
  expect_field_refused("client", "");
  EXPECT_EQ(accepted<Suggest>(suggest_with({{"prompt", ""}})).prompt, "");
  EXPECT_EQ(accepted<Suggest>(suggest_with({{"prompt", std::string(50'000, ' ')}})).prompt.size(), 50'000u);
  expect_field_refused("prompt", Json::array());
  expect_field_refused("heal", 1);
  EXPECT_TRUE(accepted<Suggest>(suggest_with({{"heal", true}})).heal);
}

TEST(ParseSuggest, AnIdThatCannotBeReadEndsNoRequest) {
  for (const Json& id :
       {Json(""), Json(std::string(65, 'i')), Json(std::string(63, 'i') + "é"), Json(7), Json(nullptr)}) {
    const Error error = refused(suggest_with({{"id", id}}));
    EXPECT_EQ(error.frame, "suggest") << id;
    EXPECT_EQ(error.field, "id");
  }
  EXPECT_EQ(refused({{"type", "suggest"}, {"prompt", "x"}}).message, "id is missing");
}

TEST(ParseSuggest, TheFirstFaultIsTold) {
  const Error error = refused(suggest_with({{"n", 0}, {"max_tokens", 0}}));
  EXPECT_EQ(error.field, "n");
}

TEST(ParseSuggest, APromptIsRequired) {
  const Error error = refused({{"type", "suggest"}, {"id", "a"}});
  EXPECT_EQ(error.id, "a");
  EXPECT_EQ(error.field, "prompt");
  EXPECT_EQ(error.message, "prompt is missing");
}

TEST(ParseSuggest, UnknownFieldsAreIgnored) {
  accepted<Suggest>(suggest_with({{"colour", {{"deep", {1, 2}}}}}));
}

TEST(ParseSuggest, StopStrings) {
  const Json most = Json::array({"a", "\n", std::string(64, 's'), "é"});
  EXPECT_EQ(accepted<Suggest>(suggest_with({{"stop", most}})).stop.size(), 4u);
  EXPECT_TRUE(accepted<Suggest>(suggest_with({{"stop", Json::array()}})).stop.empty());
  for (const Json& stop : {Json("a"), Json::array({""}), Json::array({1}), Json::array({nullptr}),
                           Json::array({std::string(65, 's')}), Json::array({"a", "b", "c", "d", "e"})}) {
    expect_field_refused("stop", stop);
  }
}

Json point(Json index, Json tokens) {
  return {{"index", std::move(index)}, {"tokens", std::move(tokens)}};
}

TEST(ParseResume, ReadsPoints) {
  const auto suggest = accepted<Suggest>(
      suggest_with({{"n", 3}, {"max_tokens", 2}, {"resume", {point(2, {5, 0.0}), point(0, Json::array())}}}));
  ASSERT_EQ(suggest.resume->size(), 2u);
  EXPECT_EQ(suggest.resume->at(0).index, 2);
  EXPECT_EQ(suggest.resume->at(0).tokens, (std::vector<TokenId>{5, 0}));
  EXPECT_TRUE(suggest.resume->at(1).tokens.empty());
  EXPECT_TRUE(accepted<Suggest>(suggest_with({{"resume", Json::array()}})).resume->empty())
      << "nothing is left to do";
}

TEST(ParseResume, WrongPointsAreRefused) {
  const Json none = Json::array();
  for (const Json& resume :
       {Json("all"), Json::array({1}), Json::array({Json::object()}), Json::array({point(3, none)}),
        Json::array({point(-1, none)}), Json::array({point("0", none)}), Json::array({point(0.5, none)}),
        Json::array({point(0, none), point(0, none)}), Json::array({point(0, nullptr)}),
        Json::array({point(0, {-1})}), Json::array({point(0, {"5"})}), Json::array({point(0, {true})}),
        Json::array({point(0, {2147483648})}), Json::array({point(0, {1, 2, 3})}),
        Json::array({{{"index", 0}}}), Json::array({{{"tokens", none}}})}) {
    const Error error = refused(suggest_with({{"n", 3}, {"max_tokens", 2}, {"resume", resume}}));
    EXPECT_EQ(error.id, "a") << resume;
    EXPECT_EQ(error.field, "resume") << resume;
  }
}

TEST(ParseCancel, ReadsAndRefuses) {
  EXPECT_EQ(accepted<Cancel>({{"type", "cancel"}, {"id", "a"}}).index, std::nullopt);
  EXPECT_EQ(accepted<Cancel>({{"type", "cancel"}, {"id", "a"}, {"index", 31}}).index, 31);
  for (const Json& frame : {Json{{"type", "cancel"}}, Json{{"type", "cancel"}, {"id", 1}}}) {
    const Error error = refused(frame);
    EXPECT_EQ(error.frame, "cancel");
    EXPECT_EQ(error.field, "id");
  }
  for (const Json& index : {Json(-1), Json(32), Json("0"), Json(false)}) {
    const Error error = refused({{"type", "cancel"}, {"id", "a"}, {"index", index}});
    EXPECT_EQ(error.frame, "cancel");
    EXPECT_EQ(error.field, "index");
  }
}

TEST(ParsePrefill, ReadsAndRefuses) {
  const Json good = {{"type", "prefill"}, {"document", "d"}, {"prompt", "p"}, {"id", "a"}};
  EXPECT_EQ(accepted<Prefill>(good).id, "a");
  for (const char* field : {"document", "prompt"}) {
    Json frame = good;
    frame.erase(field);
    const Error error = refused(frame);
    EXPECT_EQ(error.frame, "prefill");
    EXPECT_EQ(error.field, field);
  }
}

TEST(ParseAccept, ReadsAndRefuses) {
  const Json good = {{"type", "accept"}, {"id", "a"}, {"index", 0}, {"tokens", 1024}};
  EXPECT_EQ(accepted<Accept>(good).tokens, 1024);
  for (const auto& [field, value] : std::vector<std::pair<const char*, Json>>{{"id", ""},
                                                                              {"index", 32},
                                                                              {"tokens", 1025},
                                                                              {"tokens", -1},
                                                                              {"index", nullptr},
                                                                              {"tokens", nullptr}}) {
    Json frame = good;
    frame[field] = value;
    const Error error = refused(frame);
    EXPECT_EQ(error.frame, "accept");
    EXPECT_EQ(error.field, field);
  }
}

TEST(ParseClientFrame, UnknownTypesComeBackShortened) {
  Error error = refused({{"type", "sing"}, {"id", "a"}});
  EXPECT_EQ(error.frame, "sing");
  EXPECT_EQ(error.field, "type");
  EXPECT_EQ(error.message, "type must be suggest, cancel, prefill or accept; given: \"sing\"");
  const std::string letters(31, 'x');
  error = refused({{"type", letters + "éééééééééééééééééééé"}});
  EXPECT_EQ(error.frame, letters + "éééééééééééééééé") << "63 bytes: the next character does not fit";
}

TEST(ParseClientFrame, FramesWithoutAType) {
  for (const Json& frame : {Json{{"id", "a"}}, Json{{"type", 5}}, Json{{"type", nullptr}}, Json::object()}) {
    const Error error = refused(frame);
    EXPECT_EQ(error.frame, "");
    EXPECT_EQ(error.field, "type");
  }
}

TEST(ParseClientFrame, WhatIsNoObjectNamesNoField) {
  for (const char* text :
       {"", "hello", "[]", "5", "null", "\"suggest\"", "[{\"type\": \"suggest\"}]", "{\"type\": "}) {
    const Error error = refused_text(text);
    EXPECT_EQ(error.frame, "") << text;
    EXPECT_EQ(error.field, std::nullopt);
  }
  refused_text(std::string(100'000, '['));
}

TEST(ParseClientFrame, LoneSurrogatesAreRead) {
  auto result =
      parse_client_frame(R"({"type": "suggest", "id": "\ud800", "prompt": "x\udc00", "stop": ["\udbff"]})");
  const auto& suggest = std::get<Suggest>(std::get<ClientFrame>(result));
  EXPECT_EQ(suggest.id, "\uFFFD");
  EXPECT_EQ(suggest.prompt, "x\uFFFD");
  EXPECT_EQ(suggest.stop.at(0), "\uFFFD");
}

TEST(WithoutRequest, NamesTheFrameInstead) {
  const Error error = without_request(refused(suggest_with({{"n", 0}})));
  EXPECT_EQ(error.id, std::nullopt);
  EXPECT_EQ(error.frame, "suggest");
  EXPECT_EQ(error.field, "n");
  const Error other = without_request(refused({{"type", "cancel"}}));
  EXPECT_EQ(other.frame, "cancel");
}

}  // namespace
}  // namespace inkfleet::proto
