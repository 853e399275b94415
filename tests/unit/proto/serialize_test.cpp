#include "proto/serialize.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <limits>

#include "proto/json.hpp"
#include "proto/parse.hpp"

namespace inkfleet::proto {
namespace {

Json written(const ServerFrame& frame) {
  return Json::parse(to_json(frame));
}
Json written(const ClientFrame& frame) {
  return Json::parse(to_json(frame));
}

/// What is written is read back and written to the same text.
void expect_round_trip(const ServerFrame& frame) {
  const auto read = parse_server_frame(to_json(frame));
  ASSERT_TRUE(read) << to_json(frame);
  EXPECT_EQ(to_json(*read), to_json(frame));
}

void expect_round_trip(const ClientFrame& frame) {
  const auto read = parse_client_frame(to_json(frame));
  ASSERT_TRUE(std::holds_alternative<ClientFrame>(read)) << std::get<Error>(read).message;
  EXPECT_EQ(to_json(std::get<ClientFrame>(read)), to_json(frame));
}

TEST(ToJson, Suggest) {
  expect_round_trip(ClientFrame(Suggest{.id = "a"}));
  const ClientFrame full = Suggest{.id = "a\"b",
                                   .prompt = "line\n\t😀",
                                   .document = "d",
                                   .client = "c",
                                   .n = 32,
                                   .max_tokens = 1024,
                                   .temperature = 0.1,
                                   .top_k = 40,
                                   .top_p = 0.95,
                                   .seed = (std::uint64_t{1} << 53) - 1,
                                   .stop = {"\n", "END"},
                                   .logprobs = 5,
                                   .deadline = std::chrono::milliseconds(1234),
                                   .heal = true,
                                   .resume = {{{.index = 3, .tokens = {1, 2}}, {.index = 0}}}};
  expect_round_trip(full);
  EXPECT_EQ(written(full),
            Json::parse(R"({"type": "suggest", "id": "a\"b", "prompt": "line\n\t😀", "document": "d",
      "client": "c", "n": 32, "max_tokens": 1024, "temperature": 0.1, "top_k": 40, "top_p": 0.95, "seed": 9007199254740991,
      "stop": ["\n", "END"], "logprobs": 5, "deadline_ms": 1234, "heal": true,
      "resume": [{"index": 3, "tokens": [1, 2]}, {"index": 0, "tokens": []}]})"));
}

TEST(ToJson, APromptOfIdsTakesThePlaceOfItsText) {
  const ClientFrame frame = Suggest{.id = "a", .prompt_ids = std::vector<TokenId>{50256, 0}};
  expect_round_trip(frame);
  EXPECT_EQ(written(frame)["prompt_ids"], (Json{50256, 0}));
  EXPECT_FALSE(written(frame).contains("prompt"));
  EXPECT_EQ(written(ClientFrame(Suggest{.id = "a", .prompt_ids = std::vector<TokenId>{}}))["prompt_ids"],
            Json::array());
}

TEST(ToJson, AnEmptyResumeIsNotAnAbsentOne) {
  const ClientFrame frame = Suggest{.id = "a", .resume = std::vector<ResumePoint>{}};
  expect_round_trip(frame);
  EXPECT_EQ(written(frame)["resume"], Json::array());
  EXPECT_FALSE(written(ClientFrame(Suggest{.id = "a"})).contains("resume"));
}

TEST(ToJson, OtherClientFrames) {
  for (const ClientFrame& frame : std::initializer_list<ClientFrame>{
           Cancel{.id = "a"}, Cancel{.id = "a", .index = 4}, Prefill{.document = "d", .prompt = "p"},
           Prefill{.document = "d", .prompt = "p", .id = "a"}, Accept{.id = "a", .index = 1, .tokens = 7}}) {
    expect_round_trip(frame);
  }
  EXPECT_EQ(written(ClientFrame(Cancel{.id = "a"})), (Json{{"type", "cancel"}, {"id", "a"}}));
}

TEST(ToJson, Started) {
  const ServerFrame frame = Started{.id = "a", .model = "m", .seed = 7, .exact = true, .prompt_tokens = 3};
  expect_round_trip(frame);
  EXPECT_EQ(written(frame),
            Json::parse(R"({"type": "started", "id": "a", "model": "m", "seed": 7, "exact": true,
      "prompt_tokens": 3, "cached_tokens": 0, "dropped_tokens": 0})"));
  const ServerFrame spelled = Started{.id = "a", .prompt = "Once"};
  expect_round_trip(spelled);
  EXPECT_EQ(written(spelled)["prompt"], "Once");
}

TEST(ToJson, Delta) {
  Delta delta{.id = "a", .index = 1, .offset = 2, .text = "ab", .tokens = {5, 6}};
  expect_round_trip(ServerFrame(delta));
  EXPECT_EQ(to_json(ServerFrame(delta)),
            R"({"type":"delta","id":"a","index":1,"offset":2,"text":"ab","tokens":[5,6]})");
  delta.logprobs = {{.logprob = -0.25, .top = {{5, -0.25}, {9, -2.5}}}, {.logprob = -1e-9}};
  expect_round_trip(ServerFrame(delta));
  EXPECT_EQ(
      written(ServerFrame(delta))["logprobs"],
      Json::parse(R"([{"logprob": -0.25, "top": [[5, -0.25], [9, -2.5]]}, {"logprob": -1e-9, "top": []}])"));
  delta.logprobs = {{.logprob = -0.25, .top = {{5, -0.25}}, .text = "a", .top_texts = {"\"b"}}, {}};
  expect_round_trip(ServerFrame(delta));
  EXPECT_EQ(written(ServerFrame(delta))["logprobs"][0],
            Json::parse(R"({"logprob": -0.25, "top": [[5, -0.25]], "text": "a", "top_texts": ["\"b"]})"));
}

TEST(ToJson, NoInfinityReachesTheWire) {
  Delta delta{.id = "a", .tokens = {5}, .logprobs = {{.logprob = -std::numeric_limits<double>::infinity()}}};
  expect_round_trip(ServerFrame(delta));
  EXPECT_TRUE(written(ServerFrame(delta))["logprobs"][0]["logprob"].is_null());
}

TEST(ToJson, Completed) {
  const ServerFrame frame = Completed{
      .id = "a",
      .usage = {.prompt_tokens = 1, .cached_tokens = 2, .completion_tokens = 3},
      .timing = {.queue = 0.5, .prefill = 1, .decode = 1e-3},
      .receipt = {.model = "m",
                  .weights = "sha256:00",
                  .engine = {.version = "0.1.0", .device = "cpu", .dtype = "fp32", .instruction_set = "avx2"},
                  .seed = 4}};
  expect_round_trip(frame);
  EXPECT_EQ(written(frame), Json::parse(R"({"type": "completed", "id": "a",
      "usage": {"prompt_tokens": 1, "cached_tokens": 2, "completion_tokens": 3},
      "timing_ms": {"queue": 0.5, "prefill": 1, "decode": 0.001},
      "receipt": {"model": "m", "weights": "sha256:00", "seed": 4,
        "engine": {"version": "0.1.0", "device": "cpu", "dtype": "fp32", "instruction_set": "avx2"}}})"));
}

TEST(ToJson, OtherServerFrames) {
  for (const ServerFrame& frame :
       std::initializer_list<ServerFrame>{Queued{.id = "a", .position = 3},
                                          Finished{.id = "a", .index = 1, .reason = FinishReason::kEndOfText},
                                          Prefilled{.document = "d", .prompt_tokens = 4},
                                          Prefilled{.document = "d", .id = "a", .cached_tokens = 64}}) {
    expect_round_trip(frame);
  }
}

TEST(ToJson, Error) {
  const ServerFrame busy = Error{.code = ErrorCode::kOverloaded,
                                 .message = "full",
                                 .id = "a",
                                 .retry_after = std::chrono::milliseconds(250)};
  expect_round_trip(busy);
  EXPECT_EQ(written(busy),
            Json::parse(R"({"type": "error", "code": "overloaded", "message": "full", "id": "a",
                                           "retry_after_ms": 250})"));
  const ServerFrame bad =
      Error{.code = ErrorCode::kBadRequest, .message = "m", .frame = "cancel", .field = "id"};
  expect_round_trip(bad);
}

TEST(ToJson, TextThatIsNotUtf8StaysJson) {
  const ServerFrame frame = Error{.message = "\xff\xfe", .frame = "\xf0\x9f"};
  EXPECT_EQ(written(frame)["message"], "\uFFFD\uFFFD");
  expect_round_trip(frame);
}

}  // namespace
}  // namespace inkfleet::proto
