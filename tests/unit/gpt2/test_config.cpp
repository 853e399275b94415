#include <nlohmann/json.hpp>

#include "model-service/gpt2/config.hpp"
#include "tests/unit/gpt2/files.hpp"

namespace inkfleet::gpt2 {
namespace {

using namespace testing;
using Json = nlohmann::json;

class ConfigFile : public ::testing::Test {
 protected:
  Json valid_ = {{"model_type", "gpt2"}, {"vocab_size", 97}, {"n_positions", 64}, {"n_embd", 32},
                 {"n_layer", 2},         {"n_head", 4},      {"eos_token_id", 0}};

  Config read(const std::string& text) {
    write_file(folder_.path() / "config.json", text);
    return load_config(folder_.path());
  }
  Config read_with(const Json& changes) {
    Json json = valid_;
    json.merge_patch(changes);  // null removes a key
    return read(json.dump());
  }
  /// What is said after the file's path and ": ".
  std::string refusal(const Json& changes) {
    const std::string message = error_of([&] { read_with(changes); });
    const std::string start = (folder_.path() / "config.json").string() + ": ";
    EXPECT_TRUE(message.starts_with(start)) << message;
    return message.substr(std::min(start.size(), message.size()));
  }

  TemporaryFolder folder_;
};

TEST_F(ConfigFile, HasGpt2sDefaultsForWhatIsAbsent) {
  const Config config = read_with({{"some_key_of_later_years", {1, 2}}});
  EXPECT_EQ(config.vocab_size, 97);
  EXPECT_EQ(config.context_length, 64);
  EXPECT_EQ(config.inner, 128);
  EXPECT_EQ(config.head_dim(), 8);
  EXPECT_EQ(config.activation, Activation::kGeluTanh);
  EXPECT_FLOAT_EQ(config.layer_norm_epsilon, 1e-5F);
  EXPECT_TRUE(config.scale_attention);
  EXPECT_FALSE(config.scale_by_inverse_layer);
  EXPECT_TRUE(config.tied_head);
}

TEST_F(ConfigFile, TakesWhatItSays) {
  const Config config = read_with({{"n_inner", 45},
                                   {"activation_function", "relu"},
                                   {"layer_norm_epsilon", 1e-6},
                                   {"scale_attn_weights", false},
                                   {"scale_attn_by_inverse_layer_idx", true},
                                   {"tie_word_embeddings", false},
                                   {"eos_token_id", {96}}});
  EXPECT_EQ(config.inner, 45);
  EXPECT_EQ(config.activation, Activation::kRelu);
  EXPECT_FLOAT_EQ(config.layer_norm_epsilon, 1e-6F);
  EXPECT_FALSE(config.scale_attention);
  EXPECT_TRUE(config.scale_by_inverse_layer);
  EXPECT_FALSE(config.tied_head);
  EXPECT_EQ(config.end_of_text, 96);
}

TEST_F(ConfigFile, KnowsTheOldNameOfTheContext) {
  EXPECT_EQ(read_with({{"n_positions", nullptr}, {"n_ctx", 48}}).context_length, 48);
  EXPECT_EQ(read_with({{"n_ctx", 48}}).context_length, 64);  // as transformers decides
}

TEST_F(ConfigFile, RefusesWhatItCannotRun) {
  EXPECT_EQ(refusal({{"model_type", "llama"}}), R"(model_type: expected "gpt2", found "llama")");
  EXPECT_EQ(refusal({{"model_type", nullptr}}), R"(model_type: expected "gpt2", found nothing)");
  EXPECT_EQ(
      refusal({{"activation_function", "silu"}}),
      R"(activation_function: expected gelu_new, gelu_fast, gelu_pytorch_tanh, gelu or relu, found "silu")");
  EXPECT_EQ(refusal({{"reorder_and_upcast_attn", true}}),
            "reorder_and_upcast_attn: expected false (true is not supported), found true");
  EXPECT_EQ(refusal({{"add_cross_attention", true}}),
            "add_cross_attention: expected false (true is not supported), found true");
  EXPECT_EQ(refusal({{"n_head", 5}}), "n_head: expected a divisor of n_embd 32, found 5");
  EXPECT_EQ(refusal({{"eos_token_id", 97}}), "eos_token_id: expected one token from 0 to 96, found 97");
  EXPECT_EQ(refusal({{"eos_token_id", {1, 2}}}),
            "eos_token_id: expected one token from 0 to 96, found [1,2]");
  EXPECT_EQ(refusal({{"eos_token_id", nullptr}}),
            "eos_token_id: expected one token from 0 to 96, found 50256");
  EXPECT_EQ(refusal({{"layer_norm_epsilon", 0}}),
            "layer_norm_epsilon: expected a number between 0 and 1, found 0");
  EXPECT_EQ(refusal({{"scale_attn_weights", "yes"}}),
            R"(scale_attn_weights: expected true or false, found "yes")");
}

TEST_F(ConfigFile, RefusesSizesThatAreNone) {
  EXPECT_EQ(refusal({{"n_embd", nullptr}}), "n_embd: expected a whole number, found nothing");
  EXPECT_EQ(refusal({{"n_layer", 0}}), "n_layer: expected a whole number from 1 to 16777216, found 0");
  EXPECT_EQ(refusal({{"n_layer", -3}}), "n_layer: expected a whole number from 1 to 16777216, found -3");
  EXPECT_EQ(refusal({{"vocab_size", 1.5}}),
            "vocab_size: expected a whole number from 1 to 16777216, found 1.5");
  EXPECT_EQ(refusal({{"n_positions", "64"}}),
            R"(n_positions: expected a whole number from 1 to 16777216, found "64")");
  EXPECT_EQ(refusal({{"n_inner", std::uint64_t{1} << 63}}),
            "n_inner: expected a whole number from 1 to 16777216, found 9223372036854775808");
}

TEST_F(ConfigFile, RefusesAFileThatIsNone) {
  const std::string path = (folder_.path() / "config.json").string();
  EXPECT_EQ(error_of([&] { load_config(folder_.path()); }),
            path + ": cannot open: expected the model's config.json");
  EXPECT_EQ(error_of([&] { read("{\"model_type\":"); }),
            path + ": expected a JSON object, found something else");
  EXPECT_EQ(error_of([&] { read("[1]"); }), path + ": expected a JSON object, found something else");
}

// Deliberate break: with the JSON library's own parser, which has no limit, the message's writing overflows
// the stack.
TEST_F(ConfigFile, RefusesEndlessNesting) {
  const std::string message =
      error_of([&] { read(R"({"model_type": "gpt2", "vocab_size": )" + nested_lists() + "}"); });
  EXPECT_EQ(message,
            (folder_.path() / "config.json").string() + ": expected a JSON object, found something else");
}

}  // namespace
}  // namespace inkfleet::gpt2
