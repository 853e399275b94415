#include "proto/json.hpp"

#include <gtest/gtest.h>

#include <string>

namespace inkfleet::proto {
namespace {

Json parsed(std::string_view text) {
  auto result = parse_json(text);
  if (const auto* fault = std::get_if<JsonFault>(&result)) ADD_FAILURE() << text << ": " << fault->message;
  return std::holds_alternative<Json>(result) ? std::get<Json>(std::move(result)) : Json();
}

std::string fault(std::string_view text) {
  const auto result = parse_json(text);
  const auto* fault = std::get_if<JsonFault>(&result);
  EXPECT_TRUE(fault) << text << " was accepted";
  return fault ? fault->message : "";
}

std::string as_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST(ParseJson, ReadsValues) {
  EXPECT_EQ(parsed(R"({"a": [1, -2, 0.5, true, null, "x"]})")["a"].size(), 6u);
  EXPECT_EQ(parsed(R"("é 😀")"), "é 😀");
}

TEST(ParseJson, OfEqualKeysTheLastWins) {
  EXPECT_EQ(parsed(R"({"a": 1, "a": 2})")["a"], 2);
}

TEST(ParseJson, PairedSurrogatesAreOneCharacter) {
  EXPECT_EQ(parsed(R"("\ud83d\ude00")"), "😀");
  EXPECT_EQ(parsed(R"("\uD83D\uDE00")"), "😀");
}

TEST(ParseJson, LoneSurrogatesBecomeTheReplacementCharacter) {
  EXPECT_EQ(parsed(R"("\ud800")"), "\uFFFD");
  EXPECT_EQ(parsed(R"("\udfff")"), "\uFFFD");
  EXPECT_EQ(parsed(R"("a\ud83dz")"), "a\uFFFDz");
  EXPECT_EQ(parsed(R"("\ude00\ud83d")"), "\uFFFD\uFFFD") << "a pair the wrong way round";
  EXPECT_EQ(parsed(R"("\ud83d\ud83d\ude00")"), "\uFFFD😀");
  EXPECT_EQ(parsed(R"("\ud83d\n")"), "\uFFFD\n");
  EXPECT_EQ(parsed(R"("\ud83d\u0041")"),
            "\uFFFD"
            "A");
  EXPECT_EQ(parsed(R"({"\udc00": 1})"), Json({{"\uFFFD", 1}})) << "in a key";
}

TEST(ParseJson, AnEscapedBackslashBeginsNoSurrogate) {
  EXPECT_EQ(parsed(R"("\\ud800")"), "\\ud800");
  EXPECT_EQ(parsed(R"("\\\ud800")"), "\\\uFFFD");
  EXPECT_EQ(parsed(R"("\"\ud800")"), "\"\uFFFD");
}

TEST(ParseJson, BrokenEscapesAreRefused) {
  fault(R"("\ud8")");
  fault(R"("\ud83d\uzzzz")");
  fault(R"("\x")");
  fault("\"\\");
}

TEST(ParseJson, NestingIsBounded) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parsed(nested(kJsonDepth)).is_array());
  EXPECT_EQ(fault(nested(kJsonDepth + 1)), "nested deeper than 32 levels");
  fault(std::string(1'000'000, '['));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += R"({"a":)";
  fault(objects);
  EXPECT_TRUE(parsed("\"" + std::string(100, '[') + "\"").is_string()) << "brackets in text are text";
}

TEST(ParseJson, NumbersBeyondADoubleAreRefused) {
  EXPECT_EQ(fault("[1e400]"), "not JSON: a number is out of range");
  EXPECT_EQ(parsed("[123456789012345678901234567890]")[0], 123456789012345678901234567890.0);
  EXPECT_EQ(parsed("1e-400"), 0.0);
}

TEST(ParseJson, WhatIsNotJsonIsRefused) {
  for (const char* text : {"", " ", "hello", "{", "{}}", "{} {}", "[1,]", "NaN", "Infinity", "-Infinity",
                           "nan", "01", "'a'", "{a: 1}", "\"\x01\"", "// c\n1"}) {
    fault(text);
  }
  EXPECT_EQ(fault("{\"a\" 1}"), "not JSON: does not parse at byte 6");
  EXPECT_EQ(fault(std::string_view("{}\0{", 4)), "not JSON: a NUL at byte 2");
  fault("\"\xff\"");
  fault("\"\xed\xa0\x80\"");
}

TEST(DumpJson, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(dump_json(Json("a\xff")), "\"a\uFFFD\"");
}

TEST(AppendJsonString, EscapesWhatMustBe) {
  EXPECT_EQ(as_string("a\"b\\c\n\t\r\b\f/"), R"("a\"b\\c\n\t\r\b\f/")");
  EXPECT_EQ(as_string(std::string_view("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
  EXPECT_EQ(as_string("é 漢 😀"), "\"é 漢 😀\"");
}

TEST(AppendJsonString, ReadsBackForEveryCharacter) {
  for (char32_t c = 0; c < 0x110000; c += c < 0x3000 ? 1 : 61) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    if (c < 0x80) {
      text = {static_cast<char>(c)};
    } else if (c < 0x800) {
      text = {static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 63))};
    } else if (c < 0x10000) {
      text = {static_cast<char>(0xE0 | c >> 12), static_cast<char>(0x80 | (c >> 6 & 63)),
              static_cast<char>(0x80 | (c & 63))};
    } else {
      text = {static_cast<char>(0xF0 | c >> 18), static_cast<char>(0x80 | (c >> 12 & 63)),
              static_cast<char>(0x80 | (c >> 6 & 63)), static_cast<char>(0x80 | (c & 63))};
    }
    ASSERT_EQ(parsed(as_string(text)), text) << "U+" << std::hex << static_cast<unsigned>(c);
  }
}

TEST(AppendJsonString, WhatIsNotUtf8BecomesTheReplacementCharacter) {
  for (const char* bytes :
       {"\xff", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\x80", "\xc3", "\xe2\x82", "\xf0\x9f\x98"}) {
    const Json value = parsed(as_string(std::string("a") + bytes + "z"));
    const auto text = value.get<std::string>();
    EXPECT_TRUE(text.starts_with("a\uFFFD") && text.ends_with("\uFFFDz")) << text;
  }
}

}  // namespace
}  // namespace inkfleet::proto
