// The GPU library through its ABI, against what transformers computed (tests/data/gpt2/record.py). The same
// program runs on an emulated device and, built with INKFLEET_CUDA, on a real one.
#include <algorithm>
#include <cstdio>

#include "tests/unit/gpu/support.hpp"

namespace inkfleet::gpu {
namespace {

using namespace testing;

struct TinyCase {
  std::string folder;
  std::string recording;
  inkfleet_gpu_type type = INKFLEET_GPU_FP16;
  std::string config = {};  ///< that takes the place of config.json
};

std::ostream& operator<<(std::ostream& stream, const TinyCase& c) {
  return stream << c.recording << (c.type == INKFLEET_GPU_FP16 ? " in fp16" : " in bf16");
}

class TinyModel : public OnGpu, public ::testing::WithParamInterface<TinyCase> {
 protected:
  [[nodiscard]] std::unique_ptr<Model> load(int max_rows) const {
    const TemporaryFolder folder;
    fs::copy(kData / GetParam().folder, folder.path());
    if (!GetParam().config.empty())
      fs::copy(folder.path() / GetParam().config, folder.path() / "config.json");
    return std::make_unique<Model>(folder.path(), Options{.type = GetParam().type, .max_rows = max_rows});
  }
  void expect_reference(const std::string& what, std::span<const float> logits,
                        std::span<const float> expected, int layers) const {
    const double allowed = allowed_error(layers, GetParam().type);
    const double error = relative_error(logits, expected);
    std::printf("%s, %s: relative error %.2e, allowed %.2e\n", GetParam().recording.c_str(), what.c_str(),
                error, allowed);
    EXPECT_LE(error, allowed);
    EXPECT_GE(error, rounding(GetParam().type) / 8) << "that is not computed in 16 bits";
  }

  SafetensorsFile file_{kData / (GetParam().recording + ".safetensors")};
  std::vector<std::int32_t> ids_ = recorded<std::int32_t>(file_, "ids");
  std::vector<float> expected_ = recorded<float>(file_, "logits");
};

INSTANTIATE_TEST_SUITE_P(
    Layouts, TinyModel,
    ::testing::Values(TinyCase{"tiny", "tiny"}, TinyCase{"tiny", "tiny", INKFLEET_GPU_BF16},
                      TinyCase{"tiny-separate-head", "tiny-separate-head"}, TinyCase{"tiny-f16", "tiny-f16"},
                      TinyCase{"tiny-bf16", "tiny-bf16", INKFLEET_GPU_BF16},
                      TinyCase{"tiny-options", "tiny-options-gelu", INKFLEET_GPU_FP16, "config.gelu.json"},
                      TinyCase{"tiny-options", "tiny-options-relu", INKFLEET_GPU_FP16, "config.relu.json"}));

// Prefixes of the text as slices, as many as go into a step. Turns red when: the position embedding is left
// out; the scale of attention is; its division by the layer is; a bias that waits for the next layer norm is.
TEST_P(TinyModel, HasTheReferencesLogitsForPrefixes) {
  const std::size_t max_rows = is_emulated() ? 64 : 2080;
  const std::size_t apart = is_emulated() ? 7 : 1;
  const auto model = load(static_cast<int>(max_rows));
  const std::size_t vocab = model->config().vocab_size;
  std::vector<float> found;
  std::vector<float> expected;
  for (std::size_t length = 1; length <= ids_.size();) {
    std::vector<std::vector<std::int32_t>> tables;
    std::vector<std::size_t> lengths;
    for (std::size_t rows = 0; length <= ids_.size() && rows + length <= max_rows; length += apart) {
      rows += length;
      lengths.push_back(length);
      tables.push_back(model->take_blocks(length));
    }
    std::vector<Slice> slices;
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      slices.push_back({std::span(ids_).first(lengths[i]), 0, tables[i]});
      const auto of_last = std::span(expected_).subspan((lengths[i] - 1) * vocab, vocab);
      expected.insert(expected.end(), of_last.begin(), of_last.end());
    }
    const auto logits = model->logits(slices);
    found.insert(found.end(), logits.begin(), logits.end());
  }
  expect_reference("prefixes", found, expected, model->config().layers);
}

class TinyText : public TinyModel {};

INSTANTIATE_TEST_SUITE_P(
    Types, TinyText,
    ::testing::Values(TinyCase{"tiny", "tiny"}, TinyCase{"tiny-bf16", "tiny-bf16", INKFLEET_GPU_BF16},
                      TinyCase{"tiny-options", "tiny-options-gelu", INKFLEET_GPU_FP16, "config.gelu.json"}));

// Few and many texts at once: other kernels each, replayed from graphs, filled up to the next size
// there is one of. Turns red when: a filling row writes to a block in use; a decode step writes its key one
// position too early.
TEST_P(TinyText, HasTheReferencesLogitsTokenByToken) {
  const auto model = load(16);
  const std::size_t positions = is_emulated() ? 20 : ids_.size();
  const auto expected = std::span(expected_).first(positions * model->config().vocab_size);
  for (const int texts : {3, 7, 13}) {
    std::vector<std::vector<std::int32_t>> tables;
    for (int i = 0; i < texts; ++i) tables.push_back(model->take_blocks(positions));
    std::vector<float> of_last_text;
    for (std::size_t position = 0; position < positions; ++position) {
      std::vector<Slice> slices;
      for (const auto& table : tables) {
        slices.push_back({std::span(ids_).subspan(position, 1), static_cast<int>(position), table});
      }
      const int last = texts - 1;
      const auto logits = model->step(slices, {}, {&last, 1}).logits;
      of_last_text.insert(of_last_text.end(), logits.begin(), logits.end());
    }
    expect_reference("the last of " + std::to_string(texts) + " texts", of_last_text, expected,
                     model->config().layers);
  }
}

class Demo : public OnGpu, public ::testing::WithParamInterface<inkfleet_gpu_type> {
 protected:
  void SetUp() override {
    OnGpu::SetUp();
    if (!IsSkipped() && is_emulated() && GetParam() == INKFLEET_GPU_BF16) GTEST_SKIP() << "skipped: too slow";
  }

  SafetensorsFile file_{kData / "gpt2-demo.safetensors"};
};

INSTANTIATE_TEST_SUITE_P(Types, Demo, ::testing::Values(INKFLEET_GPU_FP16, INKFLEET_GPU_BF16));

// Heads of 64, as all GPT-2s have. Turns red when: the second tile of keys forgets to rescale the first; a
// graph keeps the first step's tokens.
TEST_P(Demo, ChoosesTheReferencesGreedyTokens) {
  Model model(kSource / "models/gpt2-demo", {.type = GetParam(), .max_rows = 32});
  const auto prompt = recorded<std::int32_t>(file_, "prompt");
  const auto expected = recorded<std::int32_t>(file_, "greedy");
  const auto leads = recorded<float>(file_, "gaps");
  // The reference's text is fed; where its two best tokens are close, rounding decides.
  const float close = GetParam() == INKFLEET_GPU_FP16 ? 0.02F : 0.15F;
  const std::size_t tokens = is_emulated() ? 4 : expected.size();
  const auto table = model.take_blocks(prompt.size() + tokens);
  Slice slice{prompt, 0, table};
  const Draw greedy{};
  int compared = 0;
  for (std::size_t i = 0; i < tokens; ++i) {
    const std::int32_t token = model.step({&slice, 1}, {&greedy, 1}, {}).drawn.front();
    if (leads[i] >= close) {
      EXPECT_EQ(token, expected[i]) << "token " << i << ", lead of the reference " << leads[i];
      ++compared;
    }
    slice = {std::span(expected).subspan(i, 1), static_cast<int>(prompt.size() + i), table};
  }
  std::printf("%d greedy tokens compared\n", compared);
  EXPECT_GE(compared, 3);
}

// On a real device, up to the whole context in one chunk. Turns red when: a part of a long row is lost.
TEST_P(Demo, HasTheReferencesLogits) {
  const int max_rows = is_emulated() ? 32 : 512;
  Model model(kSource / "models/gpt2-demo", {.type = GetParam(), .max_rows = max_rows});
  const auto ids = recorded<std::int32_t>(file_, "ids");
  const auto positions = recorded<std::int32_t>(file_, "positions");
  const auto expected = recorded<float>(file_, "logits");
  const std::size_t vocab = model.config().vocab_size;
  const double allowed = allowed_error(model.config().layers, GetParam());
  int compared = 0;
  for (std::size_t i = 0; i < positions.size() && positions[i] < 2 * max_rows; ++i) {
    const auto text = std::span(ids).first(positions[i] + 1);
    const auto table = model.take_blocks(text.size());
    std::vector<float> logits;
    for (std::size_t fed = 0; fed < text.size(); fed += max_rows) {
      const auto chunk = text.subspan(fed, std::min<std::size_t>(max_rows, text.size() - fed));
      logits = model.logits(std::vector<Slice>{{chunk, static_cast<int>(fed), table}});
    }
    const double error = relative_error(logits, std::span(expected).subspan(i * vocab, vocab));
    std::printf("position %d: relative error %.2e, allowed %.2e\n", positions[i], error, allowed);
    EXPECT_LE(error, allowed);
    ++compared;
  }
  EXPECT_GE(compared, 1);
}

}  // namespace
}  // namespace inkfleet::gpu
