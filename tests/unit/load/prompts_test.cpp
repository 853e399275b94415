#include "bench/load/prompts.hpp"

#include <gmock/gmock.h>

#include <set>
#include <stdexcept>

namespace inkfleet::load {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

TEST(Prompts, AreWindowsAndNoneComesTwiceBeforeAllCame) {
  PromptSource source("abcdefgh", 3, 1);
  for (int round = 0; round < 2; ++round) {
    std::set<std::string> seen;
    for (int i = 0; i < 6; ++i) seen.insert(source.next());
    EXPECT_THAT(seen, testing::ElementsAre("abc", "bcd", "cde", "def", "efg", "fgh"));
  }
}

TEST(Prompts, TheSeedDecides) {
  std::string numbered;
  for (int i = 0; i < 1'000; ++i) numbered += std::to_string(i) + ' ';
  PromptSource first(numbered, 20, 5), same(numbered, 20, 5), other(numbered, 20, 6);
  const auto prompt = first.next();
  EXPECT_EQ(prompt, same.next());
  EXPECT_NE(prompt, other.next());
}

TEST(Prompts, AreCutBetweenCharacters) {
  PromptSource source("aé\U0001F600", 2, 1);
  std::set<std::string> seen{source.next(), source.next()};
  EXPECT_THAT(seen, testing::ElementsAre("aé", "é\U0001F600"));
}

TEST(Prompts, RefuseWhatIsTooShortOrNoText) {
  EXPECT_THAT([] { PromptSource("short", 6, 1); },
              ThrowsMessage<std::runtime_error>(HasSubstr("has 5 characters, fewer than the 6")));
  EXPECT_THAT([] { PromptSource("ab\xFF", 1, 1); },
              ThrowsMessage<std::runtime_error>(HasSubstr("not UTF-8 at byte 2")));
  EXPECT_THAT([] { read_text("no/such/file.txt"); },
              ThrowsMessage<std::runtime_error>(HasSubstr("no/such/file.txt")));
}

}  // namespace
}  // namespace inkfleet::load
