#include "gateway/text_cleaner.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

namespace inkfleet::gateway {
namespace {

/// Pairs of a raw text and what Python makes of it; tests/data/legacy/record.py made them.
nlohmann::json recorded() {
  std::ifstream file(INKFLEET_SOURCE_DIR "/tests/data/legacy/cleaned.json");
  return nlohmann::json::parse(file);
}

/// All beginnings of a text that end between characters.
std::vector<std::string_view> prefixes(std::string_view text) {
  std::vector<std::string_view> all;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i == text.size() || (static_cast<unsigned char>(text[i]) & 0xc0) != 0x80)
      all.push_back(text.substr(0, i));
  }
  return all;
}

// Deliberate break: cutting before stripping gives "a" for "a <s>".
TEST(TextCleaner, FinishedTextsEqualPythons) {
  const auto pairs = recorded();
  ASSERT_GT(pairs.size(), 1500u);
  for (const auto& pair : pairs) {
    EXPECT_EQ(clean_text(pair[0].get<std::string>(), false), pair[1].get<std::string>()) << pair[0];
  }
}

// Deliberate break: without undecided() "a<" is shown before "a<s>" turns it into "a".
TEST(TextCleaner, EachShownTextExtendsTheOneBefore) {
  for (const auto& pair : recorded()) {
    const auto raw = pair[0].get<std::string>();
    std::string before;
    for (const auto prefix : prefixes(raw)) {
      const auto now = clean_text(prefix, true);
      ASSERT_TRUE(now.starts_with(before))
          << '"' << prefix << "\": \"" << before << "\" then \"" << now << '"';
      before = now;
    }
    EXPECT_TRUE(clean_text(raw, false).starts_with(before)) << pair[0];
  }
}

TEST(TextCleaner, HoldsBackOnlyWhatCouldBecomeAMarker) {
  EXPECT_EQ(clean_text("a <end", true), "a <end");
  EXPECT_EQ(clean_text("a<un", true), "a");
  EXPECT_EQ(clean_text("a<un", false), "a<un");
  EXPECT_EQ(clean_text("a<unx", true), "a<unx");
  EXPECT_EQ(clean_text("a<|endoftext|", true), "a");
}

}  // namespace
}  // namespace inkfleet::gateway
