#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>

#include "proto/parse.hpp"
#include "proto/serialize.hpp"

namespace inkfleet::proto {
namespace {

/// Whole frames, and pieces that parsers stumble over.
constexpr std::array kFrames{
    R"({"type":"suggest","id":"a","prompt":"x","n":3,"seed":7,"stop":["\n"],"resume":[{"index":0,"tokens":[1,2]}]})",
    R"({"type":"cancel","id":"a","index":1})",
    R"({"type":"prefill","document":"d","prompt":"p"})",
    R"({"type":"delta","id":"a","index":0,"offset":1,"text":"\ud83d\ude00","tokens":[5],"logprobs":[{"logprob":-1,"top":[[5,-1]]}]})",
    R"({"type":"error","code":"overloaded","message":"m","id":"a","retry_after_ms":100})",
};
constexpr std::array kPieces{"\\ud800", "\\udc00", "\"",   "\\",    "[",     "]",   "{",    "}",
                             ",",       ":",       "null", "-1",    "1e999", "0.5", "true", "{}",
                             "\xff",    "é",       "\\u",  "\"a\"", "[[[",   "1",   " "};

class Mutator {
 public:
  std::string next() {
    std::string text = kFrames[pick(kFrames.size())];
    for (std::size_t i = 1 + pick(2); i > 0; --i) mutate(text);
    return text;
  }

 private:
  std::size_t pick(std::size_t count) { return random_() % count; }

  void mutate(std::string& text) {
    const std::size_t at = pick(text.size() + 1);
    switch (pick(4)) {
      case 0:
        text.insert(at, kPieces[pick(kPieces.size())]);
        break;
      case 1:
        text.erase(at, 1 + pick(6));
        break;
      case 2:
        text.replace(at, std::min<std::size_t>(1, text.size() - at), 1, static_cast<char>(random_()));
        break;
      case 3:
        text += text.substr(at);
        break;
    }
  }

  std::mt19937 random_{1};
};

/// Whatever comes, there is a frame that means the same when written and read again, or an error that can be
/// written.
TEST(Mutations, EndInAFrameOrAnError) {
  Mutator mutator;
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = mutator.next();
    const auto result = parse_client_frame(text);
    if (const auto* error = std::get_if<Error>(&result)) {
      ASSERT_NE(error->id.has_value(), error->frame.has_value()) << text;
      ASSERT_TRUE(parse_server_frame(to_json(ServerFrame(*error)))) << text;
      continue;
    }
    ++accepted;
    const std::string written = to_json(std::get<ClientFrame>(result));
    const auto again = parse_client_frame(written);
    ASSERT_TRUE(std::holds_alternative<ClientFrame>(again)) << text << "\n" << written;
    ASSERT_EQ(to_json(std::get<ClientFrame>(again)), written);
  }
  EXPECT_GT(accepted, 300) << "the mutations must leave something to accept";
}

TEST(Mutations, ServerFramesAreReadOrNot) {
  Mutator mutator;
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = mutator.next();
    const auto frame = parse_server_frame(text);
    if (!frame) continue;
    ++accepted;
    const auto again = parse_server_frame(to_json(*frame));
    ASSERT_TRUE(again) << text << "\n" << to_json(*frame);
    ASSERT_EQ(to_json(*again), to_json(*frame));
  }
  EXPECT_GT(accepted, 300);
}

}  // namespace
}  // namespace inkfleet::proto
