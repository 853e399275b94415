#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "tests/unit/tokenizer/recorded.hpp"
#include "tokenizer/tokenizer.hpp"

namespace inkfleet::tokenizer {
namespace {

using recorded::Encoding;
using Ids = std::vector<TokenId>;

/// Compares all recorded texts; shows the first few that differ and how many there are of each kind.
void expect_recorded(const Tokenizer& tokenizer, Ids Encoding::*expected) {
  std::map<std::string, int> wrong;
  for (const Encoding& recorded : recorded::encodings()) {
    const Ids ids = tokenizer.encode(recorded.bytes);
    if (ids == recorded.*expected) continue;
    if (++wrong[recorded.kind] > 3) continue;
    ADD_FAILURE() << recorded.kind << ": " << recorded::printable(recorded.bytes) << "\n  expected "
                  << testing::PrintToString(recorded.*expected) << "\n  found    "
                  << testing::PrintToString(ids);
  }
  EXPECT_THAT(wrong, testing::IsEmpty());
}

/// A model folder with the demo model's vocab.json and merges.txt only.
std::unique_ptr<Tokenizer> load_demo_from_vocab_and_merges() {
  const recorded::TemporaryFolder folder;
  folder.copy(recorded::demo_model() / "vocab.json");
  folder.copy(recorded::demo_model() / "merges.txt");
  return load_tokenizer(folder.path());
}

TEST(Recorded, HoldsEnoughOfEveryKind) {
  std::map<std::string, int> count;
  for (const Encoding& recorded : recorded::encodings()) ++count[recorded.kind];
  EXPECT_GE(recorded::encodings().size(), 20'000u);
  for (const char* kind : {"english", "scripts", "white_space", "digits", "contractions", "emoji",
                           "combining", "special", "random_code_points", "invalid"}) {
    EXPECT_GE(count[kind], 400) << kind;
  }
  EXPECT_GE(count["long_runs"], 100);
}

// Turns red when: U+0085 is no white space; space_end() always returns `end`; contraction() takes 'S; repair
// gives one U+FFFD a byte; pair_up() of the previous symbol is left out; the scan takes the last of equal
// ranks.
TEST(Encode, EqualsTokenizersPackageWithDemoVocabulary) {
  expect_recorded(*load_tokenizer(recorded::demo_model()), &Encoding::demo);
}

// Turns red when: any of the above; read_merges() of load_vocab_merges.cpp skips every line that begins with
// '#'
// ("# #" is a merge of GPT-2).
TEST(Encode, EqualsTokenizersPackageWithGpt2Vocabulary) {
  expect_recorded(*load_tokenizer(recorded::gpt2_vocabulary()), &Encoding::gpt2);
}

// Turns red when: read_merges() of load_vocab_merges.cpp skips every second line.
TEST(Encode, IsTheSameFromVocabAndMerges) {
  expect_recorded(*load_demo_from_vocab_and_merges(), &Encoding::demo);
}

// Turns red when: bytes_of() swaps two bytes of the alphabet; push() forgets what is pending.
TEST(Decode, GivesBackEveryText) {
  for (const auto& folder : {recorded::demo_model(), recorded::gpt2_vocabulary()}) {
    const auto tokenizer = load_tokenizer(folder);
    for (const Encoding& recorded : recorded::encodings()) {
      ASSERT_EQ(tokenizer->decode(tokenizer->encode(recorded.bytes)), recorded.text)
          << folder << ": " << recorded::printable(recorded.bytes);
    }
  }
}

TEST(Decode, OfOutOfRangeIdsIsEmpty) {
  const auto tokenizer = load_tokenizer(recorded::demo_model());
  EXPECT_EQ(tokenizer->vocab_size(), 8192);
  EXPECT_FALSE(tokenizer->token_bytes(8191).empty());
  EXPECT_EQ(tokenizer->token_bytes(8192), "");
  EXPECT_EQ(tokenizer->token_bytes(-1), "");
}

TEST(SpecialToken, IsFoundByText) {
  EXPECT_EQ(load_tokenizer(recorded::demo_model())->special_token("<|endoftext|>"), 0);
  const auto gpt2 = load_tokenizer(recorded::gpt2_vocabulary());
  EXPECT_EQ(gpt2->special_token("<|endoftext|>"), 50256);
  EXPECT_EQ(gpt2->special_token("the"), -1);
  EXPECT_EQ(gpt2->special_token(""), -1);
}

// Turns red when: merge() always scans. 256 KiB of one word take a quarter of an hour then, as long as all
// tests of the program may; the heap takes a tenth of a second.
TEST(Encode, OneLongWordEnds) {
  const auto tokenizer = load_tokenizer(recorded::demo_model());
  for (const std::string unit : {"a", "\U0001F600", "=", " ", "th"}) {
    std::string word;
    while (word.size() < 256 * 1024) word += unit;
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(word)), word) << unit;
  }
}

// Turns red (under the thread sanitizer, and mostly without) when: of_this_thread() loses thread_local.
TEST(Encode, IsSafeFromSeveralThreads) {
  const auto demo = load_tokenizer(recorded::demo_model());
  const auto gpt2 = load_tokenizer(recorded::gpt2_vocabulary());
  const std::vector<Encoding>& all = recorded::encodings();
  std::atomic<int> wrong = 0;
  std::vector<std::jthread> threads;
  for (std::size_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::size_t i = 0; i < all.size(); i += 3) {  // the same texts, each thread from another place
        const Encoding& recorded = all[(i + thread * all.size() / 4) % all.size()];
        wrong += demo->encode(recorded.bytes) != recorded.demo;
        wrong += gpt2->encode(recorded.bytes) != recorded.gpt2;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(wrong, 0);
}

// A cache outlives its tokenizer: the next one must not see the other's words.
// Turns red when: next_cache_owner() always returns 1.
TEST(Encode, IsNotMisledByAnotherTokenizersWords) {
  for (int round = 0; round < 3; ++round) {
    const Ids demo = load_tokenizer(recorded::demo_model())->encode(" the same words");
    const Ids gpt2 = load_tokenizer(recorded::gpt2_vocabulary())->encode(" the same words");
    EXPECT_EQ(gpt2, (Ids{262, 976, 2456}));
    EXPECT_NE(demo, gpt2);
  }
}

TEST(Encode, OfNothingIsNothing) {
  EXPECT_TRUE(load_tokenizer(recorded::demo_model())->encode("").empty());
  EXPECT_TRUE(load_demo_from_vocab_and_merges()->encode({}).empty());
}

}  // namespace
}  // namespace inkfleet::tokenizer
