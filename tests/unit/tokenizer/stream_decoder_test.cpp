#include "tokenizer/stream_decoder.hpp"

#include <gtest/gtest.h>

#include "tests/unit/tokenizer/recorded.hpp"
#include "tokenizer/utf8.hpp"

namespace inkfleet::tokenizer {
namespace {

/// Pushes the parts one by one; every text on the way must be whole characters.
std::string stream(std::initializer_list<std::string_view> parts) {
  StreamDecoder decoder;
  std::string text;
  for (const std::string_view part : parts) {
    decoder.push(part, text);
    EXPECT_EQ(valid_prefix(text), text.size());
    EXPECT_LE(decoder.pending(), 3u);
  }
  decoder.finish(text);
  EXPECT_EQ(decoder.pending(), 0u);
  return text;
}

// All recorded texts (invalid ones among them), cut in two places.
// Turns red when: push() forgets what is pending; an invalid part of three bytes becomes three U+FFFD;
// finish() gives out the pending bytes themselves.
TEST(StreamDecoder, EqualsPythonWhateverTheCuts) {
  for (const recorded::Encoding& recorded : recorded::encodings()) {
    const std::string_view bytes = std::string_view(recorded.bytes).substr(0, 24);
    const std::string whole = repaired(bytes);
    if (bytes.size() == recorded.bytes.size()) {
      ASSERT_EQ(whole, recorded.text);
    }
    for (std::size_t first = 0; first <= bytes.size(); ++first) {
      const std::size_t second = first + (bytes.size() - first) / 2;
      ASSERT_EQ(stream({bytes.substr(0, first), bytes.substr(first, second - first), bytes.substr(second)}),
                whole)
          << recorded::printable(recorded.bytes) << " cut at " << first << " and " << second;
    }
  }
}

TEST(StreamDecoder, EqualsPythonByteByByte) {
  for (const recorded::Encoding& recorded : recorded::encodings()) {
    StreamDecoder decoder;
    std::string text;
    for (const char& byte : recorded.bytes) decoder.push({&byte, 1}, text);
    decoder.finish(text);
    ASSERT_EQ(text, recorded.text) << recorded::printable(recorded.bytes);
  }
}

TEST(StreamDecoder, HoldsBackAnUnfinishedCharacterOnly) {
  StreamDecoder decoder;
  std::string text;
  decoder.push("a\xF0\x9F\x98", text);
  EXPECT_EQ(text, "a");
  EXPECT_EQ(decoder.pending(), 3u);
  decoder.push(
      "\x80"
      "b",
      text);
  EXPECT_EQ(text, "a\U0001F600b");
  EXPECT_EQ(decoder.pending(), 0u);
  decoder.push("\xE4\xBA", text);
  decoder.push("", text);
  EXPECT_EQ(decoder.pending(), 2u);
  decoder.finish(text);
  EXPECT_EQ(text, "a\U0001F600b\uFFFD");
}

}  // namespace
}  // namespace inkfleet::tokenizer
