#include "tokenizer/added_tokens.hpp"

#include <gtest/gtest.h>

#include "tests/unit/tokenizer/recorded.hpp"

namespace inkfleet::tokenizer {
namespace {

// Every flag of added tokens, add_prefix_space and use_regex, on texts full of such tokens.
// Turns red when: any of lstrip, rstrip, single_word or normalized is read as false; the shorter token wins;
// is_word_character() leaves out the circled letters or U+200D; a rejected single_word match is searched
// again from its second byte; encode_stretch() leaves out the space.
TEST(AddedTokens, EqualTokenizersPackage) {
  const recorded::TemporaryFolder folder;
  const auto data = recorded::read_packed_json("added-tokens.json.gz");
  ASSERT_EQ(data.at("cases").size(), 32u);
  for (const auto& recorded : data.at("cases")) {
    folder.write("tokenizer.json", recorded.at("tokenizer").dump());
    const auto tokenizer = load_tokenizer(folder.path());
    ASSERT_GT(recorded.at("texts").size(), 200u);
    for (const auto& text : recorded.at("texts")) {
      const std::string bytes = text[0];
      EXPECT_EQ(tokenizer->encode(bytes), text[1].get<std::vector<TokenId>>())
          << recorded.at("name") << ": " << recorded::printable(bytes);
    }
  }
}

}  // namespace
}  // namespace inkfleet::tokenizer
