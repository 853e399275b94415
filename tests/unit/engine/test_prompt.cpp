#include <gmock/gmock.h>

#include <numeric>

#include "model-service/engine/prompt.hpp"

namespace inkfleet::engine {
namespace {

std::vector<proto::TokenId> counting(int size) {
  std::vector<proto::TokenId> tokens(static_cast<std::size_t>(size));
  std::iota(tokens.begin(), tokens.end(), 0);
  return tokens;
}

TEST(FitPrompt, LeavesAloneWhatFits) {
  const auto fitted = fit_prompt(counting(472), 40, 512, 0);
  EXPECT_EQ(fitted.dropped_tokens, 0);
  EXPECT_EQ(fitted.tokens.size(), 472U);
  EXPECT_EQ(fitted.max_tokens, 40);
}

TEST(FitPrompt, DropsTheSmallestMultipleOf64ThatFits) {
  EXPECT_EQ(fit_prompt(counting(473), 40, 512, 0).dropped_tokens, 64);
  EXPECT_EQ(fit_prompt(counting(536), 40, 512, 0).dropped_tokens, 64);
  EXPECT_EQ(fit_prompt(counting(537), 40, 512, 0).dropped_tokens, 128);
  const auto fitted = fit_prompt(counting(600), 40, 512, 0);
  EXPECT_EQ(fitted.dropped_tokens, 128);
  EXPECT_EQ(fitted.tokens.front(), 128);
  EXPECT_EQ(fitted.tokens.back(), 599);
}

TEST(FitPrompt, AnEmptyPromptStartsFromTheEndOfTextToken) {
  EXPECT_THAT(fit_prompt({}, 40, 512, 7).tokens, ::testing::ElementsAre(7));
}

TEST(FitPrompt, CapsTheTokensToComeByTheContext) {
  const auto fitted = fit_prompt(counting(1), 1024, 512, 0);
  EXPECT_EQ(fitted.max_tokens, 511);
  EXPECT_EQ(fitted.tokens.size(), 1U);
}

TEST(FitPrompt, KeepsATokenWhereNoMultipleMakesRoom) {
  for (const int context : {8, 64, 65, 128, 512, 1024}) {
    for (const int size : {1, 2, 63, 64, 65, 100, 127, 128, 129, 500, 1500}) {
      for (const int max_tokens : {1, 7, 40, 511, 1024}) {
        const auto fitted = fit_prompt(counting(size), max_tokens, context, 0);
        ASSERT_GE(fitted.tokens.size(), 1U);
        ASSERT_GE(fitted.max_tokens, 1);
        ASSERT_LE(static_cast<int>(fitted.tokens.size()) + fitted.max_tokens, context);
        ASSERT_EQ(static_cast<int>(fitted.tokens.size()) + fitted.dropped_tokens, size);
      }
    }
  }
}

}  // namespace
}  // namespace inkfleet::engine
