#include "model-service/engine/text_stream.hpp"
#include "tests/unit/engine/fakes.hpp"

namespace inkfleet::engine::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What a client holds after each token.
struct Client {
  std::string text;
  std::vector<TokenId> tokens;
  bool stopped = false;

  void drain(TextStream& stream) {
    if (auto delta = stream.take()) {
      EXPECT_EQ(delta->offset, static_cast<int>(tokens.size()));
      text += delta->text;
      tokens.insert(tokens.end(), delta->tokens.begin(), delta->tokens.end());
    }
  }
  void push(TextStream& stream, std::initializer_list<TokenId> pushed) {
    for (const auto token : pushed) {
      stopped = stream.push(token, std::nullopt);
      drain(stream);
    }
  }
};

constexpr TokenId kWord0 = 257;

TEST(TextStream, HoldsBackUnfinishedCharactersAndTheirTokens) {
  const ByteTokenizer tokenizer;
  TextStream stream(tokenizer, {});
  Client client;
  client.push(stream, {'a', 0xE2, 0x82});
  EXPECT_EQ(client.text, "a");
  EXPECT_THAT(client.tokens, ElementsAre('a'));
  client.push(stream, {0xAC});
  EXPECT_EQ(client.text, "a\u20AC");
  EXPECT_THAT(client.tokens, ElementsAre('a', 0xE2, 0x82, 0xAC));
}

TEST(TextStream, EndsAnUnfinishedCharacterAsReplacement) {
  const ByteTokenizer tokenizer;
  TextStream stream(tokenizer, {});
  Client client;
  client.push(stream, {'a', 0xF0, 0x9F});
  stream.finish();
  client.drain(stream);
  EXPECT_EQ(client.text, "a\uFFFD");
  EXPECT_EQ(client.tokens.size(), 3U);
}

TEST(TextStream, HoldsBackWhatCouldBecomeAStopString) {
  const ByteTokenizer tokenizer;
  TextStream stream(tokenizer, {"END", "EX"});
  Client client;
  client.push(stream, {'a', 'E'});
  EXPECT_EQ(client.text, "a");
  client.push(stream, {'N'});
  EXPECT_EQ(client.text, "a");
  client.push(stream, {'E'});  // "ENE": only the last E can still begin one
  EXPECT_EQ(client.text, "aEN");
  client.push(stream, {'N', 'D'});
  EXPECT_TRUE(client.stopped);
  EXPECT_EQ(client.text, "aEN");
  EXPECT_THAT(client.tokens, ElementsAre('a', 'E', 'N')) << "the stop string's own tokens are not sent";
}

TEST(TextStream, AStopStringInsideATokenCutsItsText) {
  const ByteTokenizer tokenizer({"xyENDz", "EN"});
  TextStream stream(tokenizer, {"END"});
  Client client;
  client.push(stream, {'a', kWord0});
  EXPECT_TRUE(client.stopped);
  EXPECT_EQ(client.text, "axy");
  EXPECT_THAT(client.tokens, ElementsAre('a', kWord0));
}

TEST(TextStream, TheEarliestOfSeveralStopStringsWins) {
  const ByteTokenizer tokenizer({"one two"});
  TextStream stream(tokenizer, {"two", "ne"});
  Client client;
  client.push(stream, {kWord0});
  EXPECT_EQ(client.text, "o");
}

TEST(TextStream, WhatIsHeldBackIsSentAtTheEnd) {
  const ByteTokenizer tokenizer;
  TextStream stream(tokenizer, {"END"});
  Client client;
  client.push(stream, {'E', 'N'});
  EXPECT_THAT(client.tokens, IsEmpty());
  stream.finish();
  client.drain(stream);
  EXPECT_EQ(client.text, "EN");
  EXPECT_THAT(client.tokens, ElementsAre('E', 'N'));
}

TEST(TextStream, ResumesInTheMiddleOfACharacterAndOfAStopString) {
  const ByteTokenizer tokenizer;
  const std::vector<TokenId> had{'a', 0xE2, 0x82};
  TextStream stream(tokenizer, {"\u20ACEND"});
  stream.resume(had);
  Client client{.tokens = had};
  client.push(stream, {0xAC, 'E', 'N'});
  EXPECT_EQ(client.text, "");
  client.push(stream, {'D'});
  EXPECT_TRUE(client.stopped);
  EXPECT_EQ(client.text, "");

  TextStream again(tokenizer, {"END"});
  again.resume(std::vector<TokenId>{'x', 'E', 'N'});
  EXPECT_FALSE(again.finished());
  EXPECT_TRUE(again.push('D', std::nullopt));
  EXPECT_TRUE(again.finished());
  EXPECT_FALSE(again.take().has_value());
}

TEST(TextStream, ResumedTokensCanAlreadyHoldAStopString) {
  const ByteTokenizer tokenizer;
  TextStream stream(tokenizer, {"END"});
  stream.resume(std::vector<TokenId>{'E', 'N', 'D'});
  EXPECT_TRUE(stream.finished());
  EXPECT_FALSE(stream.take().has_value());
}

}  // namespace
}  // namespace inkfleet::engine::testing
