#include "net/outbox.hpp"

#include <gmock/gmock.h>

#include "proto/parse.hpp"

namespace inkfleet::net {
namespace {

using proto::Completed;
using proto::Delta;
using proto::Finished;
using testing::ElementsAre;

Delta delta(std::string id, int index, int offset, std::string text, std::vector<proto::TokenId> tokens) {
  return {.id = std::move(id),
          .index = index,
          .offset = offset,
          .text = std::move(text),
          .tokens = std::move(tokens)};
}

template <class Frame>
Frame pop(Outbox& outbox) {
  return std::get<Frame>(proto::parse_server_frame(outbox.pop().value()).value());
}

// Deliberate break: let merge() take the newer cause.
TEST(Outbox, AMergedDeltaHasItsOldestCause) {
  const auto at = [](int ms) { return Outbox::TimePoint(std::chrono::milliseconds(ms)); };
  Outbox outbox;
  EXPECT_EQ(outbox.next_cause(), std::nullopt);
  outbox.push(delta("a", 0, 0, "one", {1}), at(1));
  outbox.push(delta("a", 0, 1, "two", {2}), at(2));
  outbox.push(delta("b", 0, 0, "three", {3}), at(3));
  EXPECT_EQ(outbox.next_cause(), at(1));
  pop<Delta>(outbox);
  EXPECT_EQ(outbox.next_cause(), at(3));
}

// Deliberate break: without the merge the second pop still finds a delta.
TEST(Outbox, WaitingDeltasOfOneSuggestionMerge) {
  Outbox outbox;
  outbox.push(delta("a", 0, 3, "one", {1, 2}));
  outbox.push(delta("a", 0, 5, " two", {3}));
  outbox.push(delta("a", 0, 6, " three", {4, 5}));

  const auto merged = pop<Delta>(outbox);
  EXPECT_EQ(merged.offset, 3);
  EXPECT_EQ(merged.text, "one two three");
  EXPECT_THAT(merged.tokens, ElementsAre(1, 2, 3, 4, 5));
  EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, LogprobsMergeWithTheirTokens) {
  Outbox outbox;
  auto first = delta("a", 0, 0, "x", {1});
  first.logprobs = {{.logprob = -1.5}};
  auto second = delta("a", 0, 1, "y", {2});
  second.logprobs = {{.logprob = -2.5, .top = {{7, -0.25}}}};
  outbox.push(first);
  outbox.push(second);

  const auto merged = pop<Delta>(outbox);
  ASSERT_EQ(merged.logprobs.size(), 2u);
  EXPECT_EQ(merged.logprobs[0].logprob, -1.5);
  EXPECT_EQ(merged.logprobs[1].top.at(0).first, 7);
}

TEST(Outbox, OtherSuggestionsAndRequestsStayApartAndInOrder) {
  Outbox outbox;
  outbox.push(delta("a", 0, 0, "a0", {1}));
  outbox.push(delta("a", 1, 0, "a1", {2}));
  outbox.push(delta("b", 0, 0, "b0", {3}));
  outbox.push(delta("a", 0, 1, "+", {4}));
  outbox.push(delta("a", 1, 1, "+", {5}));

  EXPECT_EQ(pop<Delta>(outbox).text, "a0+");
  EXPECT_EQ(pop<Delta>(outbox).text, "a1+");
  EXPECT_EQ(pop<Delta>(outbox).text, "b0");
}

TEST(Outbox, NothingMergesAcrossTheEndOfASuggestion) {
  Outbox outbox;
  outbox.push(delta("a", 0, 0, "old", {1}));
  outbox.push(Finished{"a", 0});
  outbox.push(Completed{.id = "a"});
  outbox.push(delta("a", 0, 0, "new", {2}));  // the id is free again

  EXPECT_EQ(pop<Delta>(outbox).text, "old");
  pop<Finished>(outbox);
  pop<Completed>(outbox);
  EXPECT_EQ(pop<Delta>(outbox).text, "new");
}

TEST(Outbox, WhatWasPoppedIsNotMergedInto) {
  Outbox outbox;
  outbox.push(delta("a", 0, 0, "gone", {1}));
  outbox.pop();
  outbox.push(delta("a", 0, 1, "here", {2}));
  EXPECT_EQ(pop<Delta>(outbox).text, "here");
}

TEST(Outbox, AMergedDeltaStaysBelowItsBound) {
  Outbox outbox;
  const std::string piece(1000, 'x');
  for (int i = 0; i < 200; ++i) outbox.push(delta("a", 0, i, piece, {i}));

  std::size_t text = 0;
  int offset = 0;
  while (!outbox.empty()) {
    const auto got = pop<Delta>(outbox);
    EXPECT_LE(got.text.size(), Outbox::kMergedBytes);
    EXPECT_EQ(got.offset, offset);
    offset += static_cast<int>(got.tokens.size());
    text += got.text.size();
  }
  EXPECT_EQ(text, 200 * piece.size());
}

// Deliberate break: push_latest that always appends leaves "first" at the front.
// Deliberate break: what estimate() says of `started` without its prompt, or of a token without its texts.
TEST(Outbox, TextsCountWhereverTheyAre) {
  Outbox outbox;
  outbox.push(proto::Started{.id = "r", .prompt = std::string(50'000, 'x')});
  EXPECT_GE(outbox.bytes(), 50'000U);
  const std::string text(1000, 'y');
  auto told = delta("r", 0, 0, text, {1});
  told.logprobs.push_back({.text = text, .top_texts = {text}});
  outbox.push(std::move(told));
  EXPECT_GE(outbox.bytes(), 53'000U);
}

TEST(Outbox, TheLatestTextReplacesWhatWaitsUnderItsKey) {
  Outbox outbox;
  outbox.push_latest("s", "first");
  outbox.push_latest("", "plain");
  outbox.push_latest("t", "other");
  outbox.push_latest("s", "last");

  EXPECT_EQ(outbox.pop(), "last");
  EXPECT_EQ(outbox.pop(), "plain");
  outbox.push_latest("s", "after");
  EXPECT_EQ(outbox.pop(), "other");
  EXPECT_EQ(outbox.pop(), "after");
  EXPECT_EQ(outbox.pop(), std::nullopt);
}

TEST(Outbox, BytesReturnToZero) {
  Outbox outbox;
  EXPECT_EQ(outbox.bytes(), 0u);
  outbox.push(delta("a", 0, 0, std::string(500, 'x'), {1}));
  EXPECT_GE(outbox.bytes(), 500u);
  outbox.push(delta("a", 0, 1, std::string(500, 'y'), {2}));
  EXPECT_GE(outbox.bytes(), 1000u);
  outbox.push_latest("k", std::string(300, 'z'));
  outbox.push_latest("k", std::string(100, 'z'));
  outbox.push(Finished{"a", 0});
  while (outbox.pop()) {
  }
  EXPECT_EQ(outbox.bytes(), 0u);

  outbox.push_latest("k", "text");
  outbox.clear();
  EXPECT_EQ(outbox.bytes(), 0u);
  EXPECT_TRUE(outbox.empty());
}

}  // namespace
}  // namespace inkfleet::net
