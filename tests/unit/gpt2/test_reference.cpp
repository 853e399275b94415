// The model against transformers: tests/data/gpt2/record.py made the expected numbers.
#include <cstdio>

#include "tests/unit/gpt2/support.hpp"

namespace inkfleet::gpt2 {
namespace {

using namespace testing;

struct TinyCase {
  std::string folder;
  std::string recording;
  std::string config = {};  ///< that takes the place of config.json
};

std::ostream& operator<<(std::ostream& stream, const TinyCase& c) {
  return stream << c.folder << " " << c.config;
}

class TinyModel : public ::testing::TestWithParam<TinyCase> {};

/// All prefixes of the text as slices of one step, so that the last token of each has its logits.
std::vector<float> logits_of_all_prefixes(CpuModel& model, std::span<const TokenId> ids) {
  Blocks blocks(model);
  std::vector<std::vector<BlockId>> tables;
  std::vector<StepSlice> slices;
  for (std::size_t length = 1; length <= ids.size(); ++length) tables.push_back(blocks.take_for(length));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    slices.push_back({.tokens = ids.first(i + 1), .blocks = tables[i], .wants_logits = true});
  }
  return run(model, slices);
}

// Turns red when: the position embedding is left out; the scale of attention is; its division by the layer
// is.
TEST_P(TinyModel, HasTheReferencesLogitsAtAllPositions) {
  TemporaryFolder folder;
  fs::copy(kData / GetParam().folder, folder.path());
  if (!GetParam().config.empty()) fs::copy(folder.path() / GetParam().config, folder.path() / "config.json");
  const SafetensorsFile file(kData / (GetParam().recording + ".safetensors"));
  const auto ids = recorded<TokenId>(file, "ids");
  const auto expected = recorded<float>(file, "logits");
  const auto model = load(folder.path());
  expect_close(GetParam().recording, logits_of_all_prefixes(*model, ids), expected);
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, TinyModel,
    ::testing::Values(TinyCase{"tiny", "tiny"}, TinyCase{"tiny-sharded", "tiny"},
                      TinyCase{"tiny-separate-head", "tiny-separate-head"}, TinyCase{"tiny-f16", "tiny-f16"},
                      TinyCase{"tiny-bf16", "tiny-bf16"},
                      TinyCase{"tiny-options", "tiny-options-gelu", "config.gelu.json"},
                      TinyCase{"tiny-options", "tiny-options-relu", "config.relu.json"},
                      TinyCase{"tiny-options", "tiny-options-gelu_fast", "config.gelu_fast.json"}));

class DemoModel : public ::testing::TestWithParam<const char*> {
 protected:
  SafetensorsFile file_{kData / (std::string(GetParam()) + ".safetensors")};
  std::unique_ptr<CpuModel> model_ = load(kSource / "models" / GetParam());
};

INSTANTIATE_TEST_SUITE_P(Demo, DemoModel,
                         ::testing::Values("gpt2-demo", "gpt2-demo-wizards", "gpt2-demo-legal"));

// Turns red when: a query misses its own key, the last block of a context is skipped.
TEST_P(DemoModel, HasTheReferencesLogits) {
  const auto ids = recorded<TokenId>(file_, "ids");
  const auto positions = recorded<std::int32_t>(file_, "positions");
  const auto expected = recorded<float>(file_, "logits");
  const std::size_t vocab = model_->shape().vocab_size;
  ASSERT_EQ(positions.back() + 1, model_->shape().context_length);
  Blocks blocks(*model_);
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const auto text = std::span(ids).first(positions[i] + 1);
    expect_close(std::string(GetParam()) + " at position " + std::to_string(positions[i]),
                 prefill(*model_, text, blocks.take_for(text.size())),
                 std::span(expected).subspan(i * vocab, vocab));
  }
}

// Turns red when: a decode step writes its key one position too early.
TEST_P(DemoModel, ChoosesTheReferencesGreedyTokens) {
  const auto prompt = recorded<TokenId>(file_, "prompt");
  const auto expected = recorded<TokenId>(file_, "greedy");
  const auto leads = recorded<float>(file_, "gaps");
  // Where two tokens are that close, rounding decides, and the texts may part.
  const auto close_call = std::find_if(leads.begin(), leads.end(), [](float lead) { return lead < 1e-4F; });
  const std::size_t comparable = close_call - leads.begin();

  const auto table = Blocks(*model_).take_for(prompt.size() + expected.size());
  std::vector<TokenId> ids = prompt;
  std::vector<float> logits = prefill(*model_, ids, table);
  for (std::size_t i = 0; i < comparable; ++i) {
    const auto best = static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    ASSERT_EQ(best, expected[i]) << "token " << i << ", lead of the reference " << leads[i];
    const StepSlice slice{.tokens = {&best, 1},
                          .first_position = static_cast<int>(ids.size()),
                          .blocks = table,
                          .wants_logits = true};
    logits = run(*model_, {&slice, 1});
    ids.push_back(best);
  }
  std::printf(
      "%s: %zu of %zu greedy tokens equal; %s\n", GetParam(), comparable, expected.size(),
      comparable < expected.size() ? "then the reference's best two are closer than 1e-4" : "no closer call");
  EXPECT_GE(comparable, 20U);
}

TEST(LoadedModel, SaysWhatItIs) {
  const auto model = load(kSource / "models/gpt2-demo");
  EXPECT_EQ(
      to_string(model->summary()),
      "6 layers, 256 wide, 4 heads, context 512, vocabulary 8192, 7.0 M parameters (F16, tied head) from "
      "model.safetensors");
  EXPECT_EQ(model->shape().vocab_size, 8192);
  EXPECT_EQ(model->shape().end_of_text, 0);
}

TEST(LoadedModel, DoesNotCountTheHeadTwiceNorMaskBuffers) {
  const auto plain = load(kData / "tiny")->summary();
  const auto old = load(kData / "tiny-f16")->summary();
  const auto separate = load(kData / "tiny-separate-head")->summary();
  EXPECT_TRUE(plain.tied_head);
  EXPECT_EQ(old.parameters, plain.parameters);
  EXPECT_EQ(old.file_dtypes, std::vector<std::string>{"F16"});
  EXPECT_FALSE(separate.tied_head);
  EXPECT_EQ(separate.parameters, plain.parameters + 97 * 32);
  EXPECT_EQ(load(kData / "tiny-sharded")->summary().files.size(), 2U);
}

TEST(LoadedModel, ReportsItsProgress) {
  std::vector<std::uint64_t> done;
  std::uint64_t all = 0;
  load_model(kData / "tiny", {.threads = 1, .progress = [&](std::uint64_t bytes, std::uint64_t total) {
                                done.push_back(bytes);
                                all = total;
                              }});
  ASSERT_GT(done.size(), 10U);
  EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
  EXPECT_EQ(done.back(), all);
}

}  // namespace
}  // namespace inkfleet::gpt2
