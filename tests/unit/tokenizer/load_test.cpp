#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/unit/tokenizer/recorded.hpp"
#include "tokenizer/tokenizer.hpp"

namespace inkfleet::tokenizer {
namespace {

using nlohmann::json;
using recorded::TemporaryFolder;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Ids = std::vector<TokenId>;

std::string error_of(const std::filesystem::path& folder) {
  try {
    load_tokenizer(folder);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

/// A small tokenizer.json with 256 bytes, 8 merges and 3 added tokens (ids 264 to 266), as the package wrote
/// it.
json small_tokenizer() {
  return recorded::read_json("small-tokenizer.json");
}

struct BrokenCase {
  std::string name;
  std::function<void(json&)> breakage;
  std::vector<std::string> message;  // what the message must contain
};

void PrintTo(const BrokenCase& broken, std::ostream* out) {
  *out << broken.name;
}

class BrokenTokenizerJson : public testing::TestWithParam<BrokenCase> {};

// Each case turns red when its check is taken out of load_tokenizer_json.cpp or bpe_build.cpp.
TEST_P(BrokenTokenizerJson, IsRefusedWithOneClearLine) {
  const TemporaryFolder folder;
  json tokenizer = small_tokenizer();
  GetParam().breakage(tokenizer);
  folder.write("tokenizer.json", tokenizer.dump());
  const std::string error = error_of(folder.path());
  EXPECT_THAT(error, AllOf(HasSubstr((folder.path() / "tokenizer.json").string()), HasSubstr("expected"),
                           HasSubstr("found"), Not(HasSubstr("\n"))));
  for (const std::string& part : GetParam().message) EXPECT_THAT(error, HasSubstr(part));
}

const std::vector<BrokenCase> kBroken = {
    {"no_model", [](json& t) { t.erase("model"); }, {"model: expected an object, found null"}},
    {"model_type",
     [](json& t) { t["model"]["type"] = "Unigram"; },
     {"model.type", "\"BPE\"", "found \"Unigram\""}},
    {"no_model_type", [](json& t) { t["model"].erase("type"); }, {"model.type", "found null"}},
    {"dropout", [](json& t) { t["model"]["dropout"] = 0.1; }, {"model.dropout", "found 0.1"}},
    {"prefix",
     [](json& t) { t["model"]["continuing_subword_prefix"] = "##"; },
     {"continuing_subword_prefix", "##"}},
    {"suffix", [](json& t) { t["model"]["end_of_word_suffix"] = "</w>"; }, {"end_of_word_suffix", "</w>"}},
    {"ignore_merges", [](json& t) { t["model"]["ignore_merges"] = true; }, {"ignore_merges", "found true"}},
    {"no_merges",
     [](json& t) { t["model"].erase("merges"); },
     {"model.merges", "a list of merges, found null"}},
    {"empty_merges",
     [](json& t) { t["model"]["merges"] = json::array(); },
     {"model.merges", "at least one merge"}},
    {"merge_of_three",
     [](json& t) { t["model"]["merges"][2] = "a b c"; },
     {"model.merges[2]", "found \"a b c\""}},
    {"merge_of_numbers",
     [](json& t) {
       t["model"]["merges"][1] = {1, 2};
     },
     {"model.merges[1]", "found [1,2]"}},
    {"merge_of_unknown",
     [](json& t) {
       t["model"]["merges"][3] = {"q", "zz"};
     },
     {"model.merges", "no token \"zz\", of merge 4, \"q zz\""}},
    {"merge_into_unknown",
     [](json& t) {
       t["model"]["merges"][3] = {"q", "z"};
     },
     {"model.merges", "no token \"qz\""}},
    {"no_vocabulary", [](json& t) { t["model"].erase("vocab"); }, {"model.vocab", "found null"}},
    {"empty_vocabulary",
     [](json& t) { t["model"]["vocab"] = json::object(); },
     {"model.vocab", "found none"}},
    {"id_not_a_number",
     [](json& t) { t["model"]["vocab"]["the"] = "7"; },
     {"model.vocab[\"the\"]", "found \"7\""}},
    {"negative_id", [](json& t) { t["model"]["vocab"]["the"] = -1; }, {"model.vocab[\"the\"]", "found -1"}},
    {"huge_id",
     [](json& t) { t["model"]["vocab"]["the"] = 1LL << 40; },
     {"model.vocab[\"the\"]", "1099511627776"}},
    {"id_beyond_the_end",
     [](json& t) { t["model"]["vocab"]["er"] = 900; },
     {"ids from 0 to 265 for 266 tokens", "\"er\" with id 900"}},
    {"two_tokens_of_one_id",
     [](json& t) { t["model"]["vocab"]["er"] = t["model"]["vocab"]["th"]; },
     {"model.vocab", "an id of its own", "\"er\" and \"th\" with id 256"}},
    {"byte_without_token",
     [](json& t) {
       t["model"]["vocab"]["new"] = t["model"]["vocab"]["q"];
       t["model"]["vocab"].erase("q");
     },
     {"256 bytes", "none for byte 113, spelled \"q\""}},
    {"normalizer",
     [](json& t) {
       t["normalizer"] = {{"type", "NFC"}};
     },
     {"normalizer", "null", "NFC"}},
    {"no_pre_tokenizer", [](json& t) { t["pre_tokenizer"] = nullptr; }, {"pre_tokenizer", "found null"}},
    {"pre_tokenizer",
     [](json& t) {
       t["pre_tokenizer"] = {{"type", "Metaspace"}};
     },
     {"pre_tokenizer.type", "\"ByteLevel\"", "found \"Metaspace\""}},
    {"prefix_space",
     [](json& t) { t["pre_tokenizer"]["add_prefix_space"] = 1; },
     {"pre_tokenizer.add_prefix_space", "true or false", "found 1"}},
    {"post_processor",
     [](json& t) {
       t["post_processor"] = {{"type", "BertProcessing"}};
     },
     {"post_processor.type", "BertProcessing"}},
    {"decoder",
     [](json& t) {
       t["decoder"] = {{"type", "WordPiece"}};
     },
     {"decoder.type", "WordPiece"}},
    {"added_tokens", [](json& t) { t["added_tokens"] = 3; }, {"added_tokens: expected a list, found 3"}},
    {"added_without_content",
     [](json& t) { t["added_tokens"][1].erase("content"); },
     {"added_tokens[1].content"}},
    {"added_empty", [](json& t) { t["added_tokens"][1]["content"] = ""; }, {"added_tokens[1].content"}},
    {"added_without_id",
     [](json& t) { t["added_tokens"][1].erase("id"); },
     {"added_tokens[1].id", "found null"}},
    {"added_flag",
     [](json& t) { t["added_tokens"][0]["lstrip"] = "yes"; },
     {"added_tokens[0].lstrip", "\"yes\""}},
    {"added_id_taken",
     [](json& t) { t["added_tokens"].back()["id"] = 3; },
     {"an id of its own", "with id 3"}},
    {"added_id_gap", [](json& t) { t["added_tokens"].back()["id"] = 400; }, {"with id 400", "ids from 0 to"}},
    {"added_id_differs",
     [](json& t) { t["model"]["vocab"]["<x>"] = 300; },
     {"id 264 for the added token \"<x>\""}},
};

INSTANTIATE_TEST_SUITE_P(Load, BrokenTokenizerJson, testing::ValuesIn(kBroken),
                         [](const auto& info) { return info.param.name; });

TEST(LoadTokenizerJson, NamesTheByteWhereJsonEnds) {
  const TemporaryFolder folder;
  folder.write("tokenizer.json", small_tokenizer().dump().substr(0, 500));
  EXPECT_THAT(error_of(folder.path()), AllOf(HasSubstr("expected JSON"), HasSubstr("byte 501 of 500")));
  folder.write("tokenizer.json", "[1]");
  EXPECT_THAT(error_of(folder.path()), HasSubstr("expected a JSON object, found [1]"));
  folder.write("tokenizer.json", "\"\xFF\"");
  EXPECT_THAT(error_of(folder.path()), HasSubstr("expected JSON"));
}

TEST(LoadTokenizerJson, ReadsMergesOfBothForms) {
  const TemporaryFolder folder;
  json tokenizer = small_tokenizer();
  folder.write("tokenizer.json", tokenizer.dump());
  const Ids pairs = load_tokenizer(folder.path())->encode("ab abab  the");
  for (json& merge : tokenizer["model"]["merges"]) {
    merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
  }
  folder.write("tokenizer.json", tokenizer.dump());
  EXPECT_EQ(load_tokenizer(folder.path())->encode("ab abab  the"), pairs);
}

// transformers 5 saves GPT-2 with a template that adds nothing; one that adds tokens would change every
// prompt. Turns red when: check_post_processor() takes every template, or none.
TEST(LoadTokenizerJson, TakesATemplateThatAddsNothing) {
  const TemporaryFolder folder;
  json tokenizer = small_tokenizer();
  tokenizer["post_processor"] = json::parse(R"({"type": "TemplateProcessing", "special_tokens": {},
      "single": [{"Sequence": {"id": "A", "type_id": 0}}],
      "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}]})");
  folder.write("tokenizer.json", tokenizer.dump());
  EXPECT_EQ(error_of(folder.path()), "no error");
  json& single = tokenizer["post_processor"]["single"];
  single.insert(single.begin(), {{"SpecialToken", {{"id", "<x>"}, {"type_id", 0}}}});
  folder.write("tokenizer.json", tokenizer.dump());
  EXPECT_THAT(error_of(folder.path()), AllOf(HasSubstr("post_processor.single"), HasSubstr("SpecialToken")));
}

TEST(LoadTokenizer, NamesAFolderThatHoldsNone) {
  const TemporaryFolder folder;
  EXPECT_THAT(error_of(folder.path()),
              AllOf(HasSubstr(folder.path().string()), HasSubstr("tokenizer.json, or vocab.json")));
  EXPECT_THAT(error_of(folder.path() / "nowhere"), HasSubstr("nowhere: expected a folder with"));
  std::filesystem::create_directory(folder.path() / "tokenizer.json");
  EXPECT_THAT(error_of(folder.path()), HasSubstr("tokenizer.json: expected a file, found a folder"));
}

/// A folder with the small tokenizer's vocab.json (its added tokens as ordinary entries) and merges.txt.
class VocabAndMerges : public testing::Test {
 protected:
  VocabAndMerges() {
    const json tokenizer = small_tokenizer();
    vocabulary_ = tokenizer["model"]["vocab"];
    merges_ = "#version: 0.2\n";
    for (const json& merge : tokenizer["model"]["merges"]) {
      merges_ += merge[0].get<std::string>() + " " + merge[1].get<std::string>() + "\n";
    }
    vocabulary_["<|endoftext|>"] = 264;
    vocabulary_["<pad>"] = 265;
  }

  std::string error() { return write(), error_of(folder_.path()); }
  std::unique_ptr<Tokenizer> load() { return write(), load_tokenizer(folder_.path()); }

  TemporaryFolder folder_;
  json vocabulary_;
  std::string merges_;

 private:
  void write() {
    folder_.write("vocab.json", vocabulary_.dump());
    folder_.write("merges.txt", merges_);
  }
};

TEST_F(VocabAndMerges, RefusesBrokenMerges) {
  merges_ += "a b c\n";
  EXPECT_THAT(error(), AllOf(HasSubstr("merges.txt: line 10"), HasSubstr("found \"a b c\"")));
  merges_ = "#version: 0.2\nq zz\n";
  EXPECT_THAT(error(), AllOf(HasSubstr("merges.txt"), HasSubstr("no token \"zz\"")));
  merges_ = "#version: 0.2\ne \x94\n";
  EXPECT_THAT(error(), AllOf(HasSubstr("merges.txt"), HasSubstr("no token \"\\ufffd\"")));
  merges_ = "#version: 0.2\n";
  EXPECT_THAT(error(), AllOf(HasSubstr("merges.txt: expected at least one merge"), HasSubstr("found none")));
  std::filesystem::remove(folder_.path() / "merges.txt");
  EXPECT_THAT(error_of(folder_.path()), HasSubstr("merges.txt: expected a file, found nothing of that name"));
}

TEST_F(VocabAndMerges, RefusesABrokenVocabulary) {
  vocabulary_["<pad>"] = 264;
  EXPECT_THAT(error(), AllOf(HasSubstr("vocab.json"), HasSubstr("with id 264")));
  vocabulary_["<pad>"] = 266;
  EXPECT_THAT(error(), AllOf(HasSubstr("vocab.json"), HasSubstr("\"<pad>\" with id 266")));
  vocabulary_ = json::array();
  EXPECT_THAT(error(), HasSubstr("expected a JSON object, found []"));
}

TEST_F(VocabAndMerges, ReadsWindowsLineEnds) {
  const Ids ids = load()->encode(" the abab");
  for (std::size_t at = 0; (at = merges_.find('\n', at)) != std::string::npos; at += 2)
    merges_.insert(at, 1, '\r');
  EXPECT_EQ(load()->encode(" the abab"), ids);
}

TEST_F(VocabAndMerges, KnowsEndOfTextAlone) {
  EXPECT_EQ(load()->special_token("<|endoftext|>"), 264);
  EXPECT_EQ(load()->special_token("<pad>"), -1);
  EXPECT_EQ(load()->encode("<|endoftext|>"), Ids{264});
  EXPECT_EQ(load()->encode("<pad>").size(), 5u);
  vocabulary_.erase("<|endoftext|>");
  vocabulary_["<pad>"] = 264;
  EXPECT_EQ(load()->special_token("<|endoftext|>"), -1);
}

TEST_F(VocabAndMerges, ReadsSpecialTokensFromTheFilesBeside) {
  folder_.write("special_tokens_map.json", R"({"pad_token": "<pad>", "bos_token": {"content": "<|endoftext|>",
      "lstrip": true, "normalized": false}, "additional_special_tokens": ["<nowhere>"]})");
  EXPECT_EQ(load()->special_token("<pad>"), 265);
  EXPECT_EQ(load()->special_token("<nowhere>"), -1);
  EXPECT_EQ(load()->encode("  <|endoftext|><pad>"), (Ids{264, 265}));
}

TEST_F(VocabAndMerges, ReadsAddedTokensWithTheirIds) {
  folder_.write("added_tokens.json", R"({"<mask>": 266})");
  folder_.write("tokenizer_config.json", R"({"add_prefix_space": true, "mask_token": "<mask>",
      "added_tokens_decoder": {"267": {"content": "<end>", "rstrip": true, "special": true}}})");
  const auto tokenizer = load();
  EXPECT_EQ(tokenizer->vocab_size(), 268);
  EXPECT_EQ(tokenizer->special_token("<mask>"), 266);
  EXPECT_EQ(tokenizer->token_bytes(267), "<end>");
  EXPECT_EQ(tokenizer->encode("the<end> \n<mask>"), (Ids{vocabulary_["\u0120the"].get<TokenId>(), 267, 266}));
}

TEST_F(VocabAndMerges, RefusesBrokenFilesBeside) {
  folder_.write("tokenizer_config.json", R"({"add_prefix_space": "no"})");
  EXPECT_THAT(error(),
              HasSubstr("tokenizer_config.json: add_prefix_space: expected true or false, found \"no\""));
  folder_.write("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {"content": "<end>"}}})");
  EXPECT_THAT(error(), HasSubstr("added_tokens_decoder[x]: expected an id as key"));
  folder_.write("tokenizer_config.json", R"({"added_tokens_decoder": {"300": {"content": "<end>"}}})");
  EXPECT_THAT(error(), HasSubstr("\"<end>\" with id 300"));
  folder_.write("tokenizer_config.json", "{");
  EXPECT_THAT(error(), HasSubstr("tokenizer_config.json: expected JSON"));
}

// Deliberate breaks: shown() without nests_deeper() overflows the stack; without the second `catch`
// in read_json_object() the message names no file.
TEST(LoadTokenizer, SurvivesWhatTheJsonLibraryDoesNot) {
  constexpr std::size_t kDepth = 200'000;
  const TemporaryFolder folder;
  folder.write("tokenizer.json", R"({"model": )" + std::string(kDepth, '[') + std::string(kDepth, ']') + "}");
  EXPECT_THAT(error_of(folder.path()),
              HasSubstr("tokenizer.json: model: expected an object, found array of 1 element"));
  folder.write("tokenizer.json", R"({"model": 1e999})");
  EXPECT_THAT(error_of(folder.path()), HasSubstr("tokenizer.json: expected JSON, found a number beyond"));
}

}  // namespace
}  // namespace inkfleet::tokenizer
