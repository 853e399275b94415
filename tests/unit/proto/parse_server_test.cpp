#include <gtest/gtest.h>

#include <cmath>

#include "proto/error_code.hpp"
#include "proto/json.hpp"
#include "proto/parse.hpp"

namespace inkfleet::proto {
namespace {

const Json kDelta = {{"type", "delta"}, {"id", "a"},   {"index", 0},
                     {"offset", 0},     {"text", "x"}, {"tokens", {87}}};

Json with(Json frame, const Json& fields) {
  frame.update(fields);
  return frame;
}

TEST(ParseServerFrame, IgnoresUnknownFields) {
  const auto frame = parse_server_frame(with(kDelta, {{"mood", "good"}}).dump());
  ASSERT_TRUE(frame);
  EXPECT_EQ(std::get<Delta>(*frame).tokens, std::vector<TokenId>{87});
}

TEST(ParseServerFrame, WhatIsNoFrameIsNothing) {
  for (const char* text :
       {"", "hello", "[]", "{}", R"({"type": "delta"})", R"({"type": "song", "id": "a"})"}) {
    EXPECT_EQ(parse_server_frame(text).has_value(), false) << text;
  }
}

TEST(ParseServerFrame, EveryFieldOfADeltaIsNeeded) {
  for (const char* field : {"type", "id", "index", "offset", "text", "tokens"}) {
    Json frame = kDelta;
    frame.erase(field);
    EXPECT_FALSE(parse_server_frame(frame.dump())) << field;
  }
}

TEST(ParseServerFrame, WrongTypesAreNoFrame) {
  for (const Json& fields :
       {Json{{"index", -1}}, Json{{"index", "0"}}, Json{{"tokens", {-1}}}, Json{{"tokens", "87"}},
        Json{{"text", 5}}, Json{{"logprobs", {1}}}, Json{{"logprobs", {{{"logprob", 1}}}}},
        Json{{"logprobs", {{{"logprob", -1}, {"top", {1}}}}}}}) {
    EXPECT_FALSE(parse_server_frame(with(kDelta, fields).dump())) << fields;
  }
}

TEST(ParseServerFrame, LogprobsAreOneAToken) {
  const Json entry = {{"logprob", -0.5},
                      {"top", Json::array({Json::array({87, -0.5}), Json::array({3, nullptr})})}};
  const auto frame = parse_server_frame(with(kDelta, {{"logprobs", Json::array({entry})}}).dump());
  ASSERT_TRUE(frame);
  const auto& logprob = std::get<Delta>(*frame).logprobs.at(0);
  EXPECT_EQ(logprob.top.at(0), std::pair(TokenId{87}, -0.5));
  EXPECT_TRUE(std::isinf(logprob.top.at(1).second)) << "null is the logarithm of 0";
  EXPECT_FALSE(parse_server_frame(with(kDelta, {{"logprobs", Json::array({entry, entry})}}).dump()));
}

TEST(ParseServerFrame, UnknownNamesAreReadAsTheWorst) {
  const auto error =
      parse_server_frame(R"({"type": "error", "code": "moon_phase", "message": "m", "id": "a"})");
  EXPECT_EQ(std::get<Error>(error.value()).code, ErrorCode::kInternal);
  const auto finished =
      parse_server_frame(R"({"type": "finished", "id": "a", "index": 0, "reason": "bored"})");
  EXPECT_EQ(std::get<Finished>(finished.value()).reason, FinishReason::kFailed);
}

TEST(ParseServerFrame, AReceiptMustBeWhole) {
  const Json usage = {{"prompt_tokens", 1}, {"cached_tokens", 0}, {"completion_tokens", 2}};
  const Json engine = {{"version", "v"}, {"device", "cpu"}, {"dtype", "fp32"}, {"instruction_set", "avx2"}};
  const Json receipt = {{"model", "m"}, {"weights", "sha256:0"}, {"engine", engine}, {"seed", 1}};
  const Json completed = {{"type", "completed"},
                          {"id", "a"},
                          {"usage", usage},
                          {"timing_ms", {{"queue", 0}, {"prefill", 1.5}, {"decode", 2}}},
                          {"receipt", receipt}};
  ASSERT_TRUE(parse_server_frame(completed.dump()));
  Json broken = completed;
  broken["receipt"]["engine"].erase("dtype");
  EXPECT_FALSE(parse_server_frame(broken.dump()));
  broken = completed;
  broken.erase("usage");
  EXPECT_FALSE(parse_server_frame(broken.dump()));
}

TEST(ErrorCodes, HaveTheStatusOfTheContract) {
  const std::pair<const char*, int> table[] = {
      {"bad_request", 400}, {"unauthorized", 401}, {"unknown_model", 404}, {"too_large", 413},
      {"overloaded", 503},  {"unavailable", 503},  {"deadline", 504},      {"internal", 500}};
  for (const auto& [code_name, status] : table) {
    const auto code = error_code(code_name);
    ASSERT_TRUE(code) << code_name;
    EXPECT_EQ(name(*code), code_name);
    EXPECT_EQ(http_status(*code), status) << code_name;
  }
  EXPECT_EQ(http_status(ErrorCode::kOverloaded, Overload::kCaller), 429);
  EXPECT_EQ(http_status(ErrorCode::kInternal, Overload::kCaller), 500);
  EXPECT_EQ(error_code("Internal"), std::nullopt);
}

TEST(FinishReasons, HaveNames) {
  for (const char* reason : {"length", "stop", "end_of_text", "cancelled", "deadline", "failed"}) {
    EXPECT_EQ(name(finish_reason(reason).value()), reason);
  }
  EXPECT_EQ(finish_reason(""), std::nullopt);
}

}  // namespace
}  // namespace inkfleet::proto
