#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/unit/tokenizer/recorded.hpp"
#include "tokenizer/tokenizer.hpp"

namespace inkfleet::tokenizer {
namespace {

using Ids = std::vector<TokenId>;

constexpr TokenId kEnd = 2;  // </s>, as the library numbers it

std::filesystem::path folder() {
  return recorded::source_path("tests/data/sentencepiece");
}

// Deliberate break: a decode() that puts the pieces' bytes together, with the space that the library put
// before the text.
TEST(SentencePiece, ReadsAndSpellsAsTheReferenceDoes) {
  const auto tokenizer = load_tokenizer(folder());
  std::ifstream file(folder() / "encodings.jsonl");
  int count = 0;
  for (std::string line; std::getline(file, line); ++count) {
    const auto expected = nlohmann::json::parse(line);
    const auto ids = tokenizer->encode(expected["text"].get<std::string>());
    EXPECT_EQ(ids, expected["ids"].get<Ids>()) << line;
    EXPECT_EQ(tokenizer->decode(ids), expected["decoded"]) << line;
  }
  EXPECT_GT(count, 50);
}

TEST(SentencePiece, ControlPiecesAreRecognisedAndSpellNothing) {
  const auto tokenizer = load_tokenizer(folder());
  EXPECT_EQ(tokenizer->special_token("</s>"), kEnd);
  EXPECT_EQ(tokenizer->special_token("the"), -1);
  EXPECT_EQ(tokenizer->special_token("no piece at all"), -1);
  auto expected = tokenizer->encode("猫");
  expected.push_back(kEnd);
  for (const auto id : tokenizer->encode("犬")) expected.push_back(id);
  EXPECT_EQ(tokenizer->encode("猫</s>犬"), expected);
  EXPECT_EQ(tokenizer->token_bytes(kEnd), "");
  EXPECT_EQ(tokenizer->token_bytes(-1), "");
  EXPECT_EQ(tokenizer->token_bytes(tokenizer->vocab_size()), "");
}

TEST(SentencePiece, IdsBeyondTheVocabularySpellNothing) {
  const auto tokenizer = load_tokenizer(folder());
  auto ids = tokenizer->encode("猫");
  ids.insert(ids.begin(), tokenizer->vocab_size());
  ids.push_back(-1);
  EXPECT_EQ(tokenizer->decode(ids), "猫");
}

TEST(SentencePiece, BytesThatAreNoTextAreRepaired) {
  const auto tokenizer = load_tokenizer(folder());
  EXPECT_EQ(tokenizer->encode("a\xE3\x81"), tokenizer->encode("a\xEF\xBF\xBD"));
}

TEST(SentencePiece, AFileThatIsNoneIsRefusedInOneLine) {
  const recorded::TemporaryFolder folder;
  for (const char* content : {"", "no vocabulary", "\x0A\xFF\xFF\xFF\xFF\x0F"}) {
    folder.write("spiece.model", content);
    try {
      load_tokenizer(folder.path());
      ADD_FAILURE() << "was read";
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(),
                  testing::HasSubstr("spiece.model: expected a vocabulary of SentencePiece, found"));
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n")));
    }
  }
}

}  // namespace
}  // namespace inkfleet::tokenizer
