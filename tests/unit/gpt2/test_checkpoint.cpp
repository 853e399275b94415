#include <nlohmann/json.hpp>

#include "model-service/gpt2/checkpoint.hpp"
#include "tests/unit/gpt2/support.hpp"

namespace inkfleet::gpt2 {
namespace {

using namespace testing;
using Json = nlohmann::json;

/// A copy of a recorded model to break.
class BrokenModel : public ::testing::Test {
 protected:
  void start_from(const std::string& name) { fs::copy(kData / name, folder_.path()); }

  /// Rewrites the header of model.safetensors.
  template <class Function>
  void change_header(Function change) {
    const std::string bytes = read_file(weights());
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    Json header = Json::parse(bytes.substr(8, length));
    change(header);
    write_file(weights(), safetensors(header.dump(), bytes.substr(8 + length)));
  }

  void change_config(const std::string& key, const Json& value) {
    Json config = Json::parse(read_file(folder_.path() / "config.json"));
    config[key] = value;
    write_file(folder_.path() / "config.json", config.dump());
  }

  [[nodiscard]] std::string error() const {
    return error_of([&] { load_model(folder_.path(), {.threads = 1}); });
  }
  [[nodiscard]] fs::path weights() const { return folder_.path() / "model.safetensors"; }
  [[nodiscard]] std::string in_weights(const std::string& what) const {
    return weights().string() + ": " + what;
  }

  TemporaryFolder folder_;
};

TEST_F(BrokenModel, IsNamedWhenTensorsAreMissing) {
  start_from("tiny");
  change_header([](Json& header) { header.erase("transformer.h.1.mlp.c_fc.weight"); });
  EXPECT_EQ(error(), in_weights("tensor h.1.mlp.c_fc.weight: expected [32, 128], found nothing"));
}

TEST_F(BrokenModel, IsNamedWhenATensorHasAnotherShape) {
  start_from("tiny");
  change_header([](Json& header) { header["transformer.h.0.attn.c_attn.weight"]["shape"] = {96, 32}; });
  EXPECT_EQ(error(), in_weights("tensor h.0.attn.c_attn.weight: expected [32, 96], found [96, 32]"));
}

TEST_F(BrokenModel, IsNamedWhenATensorHasAnotherType) {
  start_from("tiny");
  change_header([](Json& header) { header["transformer.ln_f.bias"]["dtype"] = "I32"; });
  EXPECT_EQ(error(), in_weights("tensor ln_f.bias: expected F32, F16 or BF16, found I32"));
}

TEST_F(BrokenModel, IsNamedWhenItsFileIsTruncated) {
  start_from("tiny");
  const auto size = fs::file_size(weights());
  fs::resize_file(weights(), size - 1);
  EXPECT_THAT(error(), ::testing::HasSubstr("truncated: expected data up to byte"));
  fs::resize_file(weights(), 100);
  EXPECT_THAT(error(), ::testing::HasSubstr("truncated: expected a header of"));
}

TEST_F(BrokenModel, IsNamedWhenTheConfigurationDisagrees) {
  start_from("tiny");
  change_config("n_layer", 1);
  EXPECT_THAT(
      error(),
      ::testing::MatchesRegex(
          ".*model.safetensors: tensor h.1.*: expected 1 layers .n_layer of config.json., found more"));
  change_config("n_layer", 3);
  EXPECT_EQ(error(), in_weights("tensor h.2.ln_1.weight: expected [32], found nothing"));
  change_config("n_layer", 2);
  change_config("vocab_size", 98);
  EXPECT_EQ(error(), in_weights("tensor wte.weight: expected [98, 32], found [97, 32]"));
  change_config("vocab_size", 97);
  change_config("n_positions", 128);
  EXPECT_EQ(error(), in_weights("tensor wpe.weight: expected [128, 32], found [64, 32]"));
  change_config("n_positions", 64);
  change_config("tie_word_embeddings", false);
  EXPECT_EQ(error(), in_weights("tensor lm_head.weight: expected [97, 32], found nothing"));
}

TEST_F(BrokenModel, IsNamedWhenATensorIsThereTwice) {
  start_from("tiny");
  change_header([](Json& header) {
    header["wpe.weight"] = {{"dtype", "F32"}, {"shape", {0}}, {"data_offsets", {0, 0}}};
  });
  EXPECT_EQ(error(), in_weights("tensor wpe.weight: expected once, found also in " + weights().string()));
}

TEST_F(BrokenModel, IsNamedWhenAShardIsMissing) {
  start_from("tiny-sharded");
  const fs::path shard = folder_.path() / "model-00002-of-00002.safetensors";
  fs::remove(shard);
  EXPECT_EQ(error(), shard.string() + ": cannot open: No such file or directory");
}

TEST_F(BrokenModel, IsNamedWhenTheIndexIsNone) {
  start_from("tiny-sharded");
  const fs::path index = folder_.path() / "model.safetensors.index.json";
  const auto error_for = [&](const std::string& text) {
    write_file(index, text);
    return error();
  };
  const std::string start = index.string() + ": weight_map: ";
  EXPECT_EQ(error_for("no JSON"), start + "expected an object, found none");
  EXPECT_EQ(error_for(R"({"weight_map": {}})"), start + "expected at least one tensor, found none");
  EXPECT_EQ(error_for(R"({"weight_map": {"a": 1}})"), start + "a: expected a file name, found 1");
  EXPECT_EQ(error_for(R"({"weight_map": {"a": "../b"}})"),
            start + R"(a: expected a file in the same folder, found "../b")");
  EXPECT_EQ(error_for(R"({"weight_map": {"a": ".."}})"),
            start + R"(a: expected a file in the same folder, found "..")");
}

TEST_F(BrokenModel, IsToldHowToConvertOldWeights) {
  start_from("tiny");
  fs::rename(weights(), folder_.path() / "pytorch_model.bin");
  const std::string folder = folder_.path().string();
  EXPECT_EQ(error(), folder + ": expected model.safetensors, found pytorch_model.bin; convert it with: " +
                         "scripts/convert-pytorch-bin " + folder);
  fs::remove(folder_.path() / "pytorch_model.bin");
  EXPECT_EQ(error(), folder + ": expected model.safetensors or model.safetensors.index.json, found neither");
}

TEST_F(BrokenModel, IsNamedWhenThereIsNoFolder) {
  EXPECT_EQ(error_of([] { find_weight_files("/no/such/folder"); }),
            "/no/such/folder: expected a model folder, found none");
}

/// An output head that is in the file is used, unless it is the embedding itself.
TEST_F(BrokenModel, IsNoneWhenTheHeadIsInTheFileThoughTied) {
  start_from("tiny-separate-head");
  change_config("tie_word_embeddings", true);
  EXPECT_FALSE(load(folder_.path())->summary().tied_head);
}

}  // namespace
}  // namespace inkfleet::gpt2
