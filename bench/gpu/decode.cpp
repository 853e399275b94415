// Decoding alone, without a scheduler: how long a step takes by batch size, and what it reads of memory.

#include <algorithm>

#include "bench/gpu/figures.hpp"
#include "model-service/gpt2/config.hpp"

namespace inkfleet::figures {
namespace {

constexpr int kPromptTokens = 100;
constexpr int kWarmSteps = 10;
constexpr int kSteps = 90;
constexpr std::int64_t kBytes = 2;  // of a number in 16 bits

/// Of the matrices, norms and biases that each step reads; the head is the token embedding or as large.
std::int64_t weight_bytes(const gpt2::Config& config) {
  const std::int64_t width = config.width;
  const std::int64_t inner = config.inner;
  const std::int64_t block = 4 * width * width + 2 * width * inner + 9 * width + inner;
  return kBytes * (config.layers * block + width * config.vocab_size + 2 * width);
}

/// Of the keys and values that one sequence with so many positions reads.
std::int64_t cache_bytes(const gpt2::Config& config, int positions) {
  return kBytes * 2 * config.layers * config.width * positions;
}

/// That a sequence takes.
int blocks_of(const engine::ModelShape& shape) {
  return (kPromptTokens + kWarmSteps + kSteps) / shape.block_tokens + 1;
}

/// Sequences of their own prompts that decode side by side.
class Batch {
 public:
  Batch(engine::StepModel& model, int size, int prompt_tokens)
      : model_(model), position_(prompt_tokens), tokens_(static_cast<std::size_t>(size), 7) {
    const auto& shape = model.shape();
    const int blocks = blocks_of(shape);
    for (int i = 0; i < size; ++i) {
      auto& table = tables_.emplace_back();
      for (int block = 0; block < blocks; ++block) table.push_back(i * blocks + block);
      const auto prompt = random_prompt(static_cast<std::uint64_t>(i), prompt_tokens, shape.vocab_size);
      const engine::StepSlice slice{.tokens = prompt, .first_position = 0, .blocks = table};
      static_cast<void>(model.step({&slice, 1}));
    }
    slices_.resize(tokens_.size());
  }

  void step() {
    for (std::size_t i = 0; i < slices_.size(); ++i) {
      slices_[i] = {.tokens = {&tokens_[i], 1},
                    .first_position = position_,
                    .blocks = tables_[i],
                    .wants_logits = true,
                    .draws = {&draw_, 1}};
    }
    const auto drawn = model_.step(slices_).drawn;
    std::ranges::copy(drawn, tokens_.begin());
    ++position_;
  }

  [[nodiscard]] int position() const { return position_; }

 private:
  engine::StepModel& model_;
  const engine::Draw draw_{.parameters = {.temperature = 0.7, .top_k = 10}, .uniform = 0.5};
  int position_;
  std::vector<engine::TokenId> tokens_;
  std::vector<std::vector<engine::BlockId>> tables_;
  std::vector<engine::StepSlice> slices_;
};

Json measure(engine::StepModel& model, const gpt2::Config& config, const Options& options, int size) {
  Batch batch(model, size, options.scaled(kPromptTokens));
  for (int i = 0; i < options.scaled(kWarmSteps); ++i) batch.step();
  const int first = batch.position();
  std::vector<double> seconds;
  for (int i = 0; i < options.scaled(kSteps); ++i) {
    const auto start = Clock::now();
    batch.step();
    seconds.push_back(seconds_since(start));
  }
  const double step = median(seconds);
  const int middle = (first + batch.position()) / 2;
  return {{"batch", size},
          {"step_ms", step * 1e3},
          {"tokens_per_second", size / step},
          {"weight_bytes", weight_bytes(config)},
          {"cache_bytes", size * cache_bytes(config, middle)}};
}

}  // namespace

Json measure_decode(const Options& options) {
  const auto start = Clock::now();
  const auto loaded = load(options);
  const auto config = gpt2::load_config(options.model);
  const auto& shape = loaded.model->shape();
  Json found{{"device", loaded.device.name}, {"dtype", options.dtype}, {"batches", Json::array()}};
  for (const int size : {1, 2, 4, 8, 32, 64, 128, 256, 512, 1024}) {
    if (size * blocks_of(shape) > shape.kv_blocks || size > options.scaled(1024)) break;
    if (seconds_since(start) > options.seconds.count()) break;
    found["batches"].push_back(measure(*loaded.model, config, options, size));
  }
  return found;
}

}  // namespace inkfleet::figures
