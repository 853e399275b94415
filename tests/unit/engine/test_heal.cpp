#include "model-service/engine/heal.hpp"
#include "tests/unit/engine/fakes.hpp"

namespace inkfleet::engine::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<std::string> kWords{"th", "the", " the", "there", "he", " t", "\xE2\x82"};

ModelShape shape_with_words() {
  auto shape = Bench::default_shape();
  shape.vocab_size = 257 + static_cast<int>(kWords.size());
  return shape;
}

std::string bytes_of(const tokenizer::Tokenizer& tokenizer, const std::vector<TokenId>& tokens) {
  std::string bytes;
  for (const auto token : tokens) bytes += tokenizer.token_bytes(token);
  return bytes;
}

std::string text_of(const std::string& bytes) {
  tokenizer::StreamDecoder decoder;
  std::string text;
  decoder.push(bytes, text);
  decoder.finish(text);
  return text;
}

TEST(TakeBack, TakesTheLastTokenButNoSpecialOne) {
  const ByteTokenizer tokenizer(kWords);
  std::vector<TokenId> prompt{'a', 258};
  EXPECT_EQ(take_back(prompt, tokenizer), "the");
  EXPECT_THAT(prompt, ElementsAre('a'));
  prompt = {256};
  EXPECT_EQ(take_back(prompt, tokenizer), "");
  EXPECT_THAT(prompt, ElementsAre(256));
  prompt.clear();
  EXPECT_EQ(take_back(prompt, tokenizer), "");
}

TEST(HealingVocabulary, AllowsWhatBeginsWithTheRestOrIsABeginningOfIt) {
  const ByteTokenizer tokenizer(kWords);
  HealingVocabulary vocabulary(tokenizer);
  for (const std::string_view rest :
       {"t", "th", "the", "ther", " ", " t", "h", "x", "\xE2", "\xE2\x82\xAC"}) {
    std::vector<TokenId> expected;
    for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
      const auto bytes = tokenizer.token_bytes(id);
      if (!bytes.empty() && (bytes.starts_with(rest) || rest.starts_with(bytes))) expected.push_back(id);
    }
    EXPECT_EQ(vocabulary.allowed(rest), expected) << rest;
    EXPECT_EQ(vocabulary.allowed(rest), expected) << rest << ", asked again";
  }
}

// Break: leave the allowed tokens out of the call of the sampler, or the skipped bytes out of the text.
TEST(Heal, TokensSpellWhatWasTakenBackAndThenTheText) {
  for (const std::string prompt : {"say th", "say the", "say ", "say \xE2\x82\xAC", "x"}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      Bench bench(shape_with_words(), {}, kWords);
      const auto key =
          bench.submit({.prompt = prompt, .n = 2, .max_tokens = 8, .top_k = 5, .seed = seed, .heal = true});
      bench.run();
      auto tokens = bench.encode(prompt);
      const auto again = take_back(tokens, bench.tokenizer);
      for (const auto& [index, suggestion] : bench.transcripts[key].suggestions) {
        const auto bytes = bytes_of(bench.tokenizer, suggestion.tokens);
        ASSERT_TRUE(bytes.starts_with(again)) << prompt;
        EXPECT_EQ(text_of(bytes.substr(again.size())), suggestion.text);
      }
    }
  }
}

TEST(Heal, ResumedAfterAnyNumberOfTokensItGoesOnTheSame) {
  const proto::Suggest request{.prompt = "say there", .max_tokens = 9, .seed = 8, .heal = true};
  Bench whole(shape_with_words(), {}, kWords);
  const auto key = whole.submit(request);
  whole.run();
  const auto& all = whole.transcripts[key].suggestions.at(0);
  for (std::size_t taken = 0; taken < all.tokens.size(); ++taken) {
    Bench bench(shape_with_words(), {}, kWords);
    auto resumed = request;
    const std::vector<TokenId> begin(all.tokens.begin(),
                                     all.tokens.begin() + static_cast<std::ptrdiff_t>(taken));
    resumed.resume = {{0, begin}};
    const auto again = bench.submit(resumed);
    bench.run();
    auto& rest = bench.transcripts[again].suggestions[0];
    auto joined = begin;
    joined.insert(joined.end(), rest.tokens.begin(), rest.tokens.end());
    EXPECT_EQ(joined, all.tokens) << taken;
    EXPECT_TRUE(all.text.ends_with(rest.text)) << taken;
  }
}

TEST(Heal, HoldsBackTokensThatOnlySpellAgain) {
  const ByteTokenizer tokenizer(kWords);
  TextStream stream(tokenizer, {}, 3);
  EXPECT_FALSE(stream.push('t', std::nullopt));
  EXPECT_FALSE(stream.take().has_value());
  EXPECT_FALSE(stream.push(261, std::nullopt));  // "he"
  auto delta = stream.take();
  ASSERT_TRUE(delta.has_value());
  EXPECT_THAT(delta->tokens, ElementsAre('t', 261));
  EXPECT_EQ(delta->text, "");
  EXPECT_FALSE(stream.push('n', std::nullopt));
  EXPECT_EQ(stream.take()->text, "n");
}

TEST(Sampler, ChoosesAmongTheAllowedOnly) {
  Sampler sampler;
  const std::vector<float> logits{9.0F, 1.0F, 3.0F, 2.0F, 8.0F};
  const std::vector<TokenId> allowed{1, 2, 3};
  EXPECT_EQ(sampler.sample(logits, {.temperature = 0.0}, 0.5, allowed), 2);
  EXPECT_EQ(sampler.sample(logits, {.temperature = 1.0, .top_k = 1}, 0.99, allowed), 2);
  std::set<TokenId> drawn;
  for (int i = 0; i < 1000; ++i)
    drawn.insert(sampler.sample(logits, {.temperature = 1.0}, i / 1000.0, allowed));
  EXPECT_THAT(drawn, ElementsAre(1, 2, 3));
}

}  // namespace
}  // namespace inkfleet::engine::testing
