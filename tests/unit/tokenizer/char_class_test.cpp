#include "tokenizer/char_class.hpp"

#include <gtest/gtest.h>

#include "tests/unit/tokenizer/recorded.hpp"

namespace inkfleet::tokenizer {
namespace {

const char* name_of(CharClass kind) {
  switch (kind) {
    case CharClass::kSpace:
      return "space";
    case CharClass::kLetter:
      return "letter";
    case CharClass::kNumber:
      return "number";
    default:
      return "other";
  }
}

// Every assigned code point of Unicode 14, as the `tokenizers` package splits it.
// Turns red when: U+0085 is no white space; UTF8PROC_CATEGORY_LM or _NL is missing.
TEST(CharClasses, EqualTokenizersPackage) {
  const auto recorded = recorded::read_json("char-classes.json");
  const CharClasses& classes = CharClasses::instance();
  int count = 0;
  for (const auto& run : recorded.at("runs")) {
    const char32_t last = run[1].get<std::uint32_t>();
    for (char32_t c = run[0].get<std::uint32_t>(); c <= last; ++c, ++count) {
      ASSERT_EQ(run[2].get<std::string>(), name_of(classes.of(c))) << std::hex << "U+" << std::uint32_t{c};
    }
  }
  EXPECT_GT(count, 280'000);
}

}  // namespace
}  // namespace inkfleet::tokenizer
