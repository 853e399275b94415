// The real library on an emulated device under the real scheduler: what it draws is what the engine's sampler
// draws from the logits that it gives instead.

#include <random>

#include "model-service/gpu/gpu_model.hpp"
#include "tests/unit/engine/fakes.hpp"

namespace inkfleet::gpu {
namespace {

using engine::testing::Bench;

/// A device that is told of no draws, and so gives logits.
class GivesLogits : public engine::StepModel {
 public:
  explicit GivesLogits(engine::StepModel& model) : model_(model) {}

  [[nodiscard]] const engine::ModelShape& shape() const override { return model_.shape(); }
  engine::StepResult step(std::span<const engine::StepSlice> slices) override {
    slices_.assign(slices.begin(), slices.end());
    for (auto& slice : slices_) slice.draws = {};
    const auto result = model_.step(slices_);
    EXPECT_TRUE(result.drawn.empty());
    return result;
  }
  void copy_block(engine::BlockId from, engine::BlockId to) override { model_.copy_block(from, to); }

 private:
  engine::StepModel& model_;
  std::vector<engine::StepSlice> slices_;
};

/// Prompts of the bytes that are tokens of a vocabulary of 97.
std::vector<proto::Suggest> requests() {
  std::mt19937 random(11);
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<>(low, high)(random); };
  std::vector<proto::Suggest> all;
  for (int i = 0; i < 8; ++i) {
    proto::Suggest suggest{.prompt = {},
                           .n = pick(1, 4),
                           .max_tokens = pick(4, 10),
                           .temperature = i % 4 == 0 ? 0.0 : 1.0,
                           .top_k = pick(0, 1) * pick(1, 40),
                           .top_p = pick(0, 1) * 0.8,
                           .seed = static_cast<std::uint64_t>(i)};
    for (int tokens = pick(1, 30); tokens > 0; --tokens)
      suggest.prompt.push_back(static_cast<char>(pick(33, 95)));
    if (i % 5 == 1) suggest.logprobs = 2;
    all.push_back(std::move(suggest));
  }
  return all;
}

// Break: give each draw the uniform of the one before in GpuModel::describe().
TEST(DrawingOnTheDevice, GivesTheTokensOfTheHostsSampler) {
  const auto folder = std::filesystem::path(INKFLEET_SOURCE_DIR) / "tests/data/gpt2/tiny";
  const engine::SchedulerOptions options{.max_sequences = 8, .prefill_rows = 16, .prefill_burst = 32};
  std::map<engine::RequestKey, engine::testing::Transcript> transcripts[2];
  for (const bool on_host : {false, true}) {
    const auto loaded = load_model(folder, {.library = EMULATED_GPU_LIBRARY,
                                            .max_rows = options.most_rows(),
                                            .kv_bytes = std::size_t{1} << 20U});
    GivesLogits gives_logits(*loaded.model);
    Bench bench(loaded.model->shape(), options);
    bench.device = on_host ? static_cast<engine::StepModel*>(&gives_logits) : loaded.model.get();
    for (const auto& suggest : requests()) {
      bench.submit(suggest);
      bench.step();
    }
    bench.run();
    transcripts[on_host ? 1 : 0] = bench.transcripts;
  }
  engine::testing::expect_same_texts(transcripts[0], transcripts[1]);
}

}  // namespace
}  // namespace inkfleet::gpu
