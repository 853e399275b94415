// Products in bf16: against what transformers computes in fp32, and a text's perplexity.
#include <cmath>
#include <cstdio>

#include "model-service/gpt2/perplexity.hpp"
#include "tests/unit/gpt2/support.hpp"
#include "tokenizer/tokenizer.hpp"

namespace inkfleet::gpt2 {
namespace {

using namespace testing;

std::unique_ptr<CpuModel> load_bf16(const fs::path& folder) {
  return load_model(folder, {.dtype = ComputeType::kBf16, .threads = 2, .kv_bytes = std::size_t{256} << 20});
}

/// Half of a step of 8 bits of mantissa: the most that rounding to bf16 changes a number, relative to it.
constexpr double kRounding = 1.0 / (1 << 9);

/// Roundings that do not know of each other add up as squares. Each product rounds its weights, its inputs
/// and its results; there are four in a layer, and the head. Layer norm and softmax may enlarge an error on
/// its way to the logits: twice is allowed.
double allowed_error(int layers) {
  return 2 * std::sqrt(3.0 * (4 * layers + 1)) * kRounding;
}

/// The distance between both, relative to what is expected.
double relative_error(std::span<const float> found, std::span<const float> expected) {
  double error = 0, size = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    error += std::pow(found[i] - expected[i], 2);
    size += std::pow(expected[i], 2);
  }
  return std::sqrt(error / size);
}

class Bf16 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!can_compute(ComputeType::kBf16)) GTEST_SKIP() << "oneDNN does not multiply in bf16 on this CPU";
  }
};

// Turns red when: the weights stay in fp32, which is too close.
TEST_F(Bf16, TheDemoModelsLogitsAreTheReferencesButForRounding) {
  for (const std::string name : {"gpt2-demo", "gpt2-demo-wizards", "gpt2-demo-legal"}) {
    const SafetensorsFile file(kData / (name + ".safetensors"));
    const auto ids = recorded<TokenId>(file, "ids");
    const auto positions = recorded<std::int32_t>(file, "positions");
    const auto expected = recorded<float>(file, "logits");
    const auto model = load_bf16(kSource / "models" / name);
    const std::size_t vocab = model->shape().vocab_size;
    const double allowed = allowed_error(model->summary().layers);
    Blocks blocks(*model);
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const auto text = std::span(ids).first(positions[i] + 1);
      const auto logits = prefill(*model, text, blocks.take_for(text.size()));
      const double error = relative_error(logits, std::span(expected).subspan(i * vocab, vocab));
      std::printf("%s at position %d: relative error %.2e, allowed %.2e\n", name.c_str(), positions[i], error,
                  allowed);
      EXPECT_LE(error, allowed);
      EXPECT_GE(error, kRounding / 8) << "that is not bf16";
    }
  }
}

TEST_F(Bf16, ACheckpointMayBeInAnyOfTheThreeFormats) {
  for (const std::string name : {"tiny", "tiny-f16", "tiny-bf16"}) {
    const SafetensorsFile file(kData / (name + ".safetensors"));
    const auto ids = recorded<TokenId>(file, "ids");
    const auto expected = recorded<float>(file, "logits");
    const auto model = load_bf16(kData / name);
    Blocks blocks(*model);
    std::vector<float> logits;
    for (std::size_t length = 1; length <= ids.size(); ++length) {
      const auto next = prefill(*model, std::span(ids).first(length), blocks.take_for(length));
      logits.insert(logits.end(), next.begin(), next.end());
    }
    ASSERT_EQ(logits.size(), expected.size());
    const double error = relative_error(logits, expected);
    const double allowed = allowed_error(model->summary().layers);
    std::printf("%s: relative error %.2e, allowed %.2e\n", name.c_str(), error, allowed);
    EXPECT_LE(error, allowed) << name;
  }
}

TEST_F(Bf16, PerplexityIsThatOfFp32) {
  const fs::path folder = kSource / "models/gpt2-demo";
  const auto text = read_file(kSource / "tests/data/texts/northanger-abbey-excerpt.txt");
  auto tokens = tokenizer::load_tokenizer(folder)->encode(text);
  tokens.resize(2048);
  const double ratio = perplexity(*load_bf16(folder), tokens, 256) / perplexity(*load(folder), tokens, 256);
  std::printf("perplexity of bf16 / fp32 = %.5f\n", ratio);
  EXPECT_LE(ratio, 1.005);
  EXPECT_GE(ratio, 0.995);
}

}  // namespace
}  // namespace inkfleet::gpt2
