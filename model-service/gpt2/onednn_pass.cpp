#include "model-service/gpt2/onednn_pass.hpp"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

#include "model-service/gpt2/kernels/kernels.hpp"
#include "model-service/gpt2/layer_math.hpp"

namespace inkfleet::gpt2 {
namespace {

/// Floats that a thread should have to work on, at least: below, waking one costs more than it saves.
constexpr std::int64_t kElementsPerThread = std::int64_t{16} * 1024;

/// Calls f(row) for every row of `width` floats, on several threads when there is enough to do.
template <class Function>
void for_each_row(int rows, int width, const Function& f) {
  const std::int64_t grain = std::max<std::int64_t>(1, kElementsPerThread / width);
  at::parallel_for(0, rows, grain, [&f](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) f(row);
  });
}

}  // namespace

OneDnnPass::OneDnnPass(const Config& config, const Weights& weights, const KvCache& cache,
                       const AttentionPlan& plan, int threads)
    : config_(config), weights_(weights), cache_(cache), plan_(plan), threads_(threads) {
  scratch_.resize(threads * attention_scratch(config.context_length, config.head_dim()));
}

std::span<const float> OneDnnPass::run(std::span<float> x, std::span<const int> wanted) {
  x_ = x.data();
  rows_ = static_cast<int>(x.size()) / config_.width;
  const std::size_t floats = static_cast<std::size_t>(OneDnnLinear::padded_rows(rows_)) * config_.width;
  if (h_.size() < floats) h_.resize(floats);
  for (int layer = 0; layer < config_.layers; ++layer) run_block(layer);
  if (wanted.empty()) return {};
  const int count = static_cast<int>(wanted.size());
  normalise(weights_.ln_f, wanted, count);
  return {multiply(weights_.lm_head, h_.data(), count), wanted.size() * config_.vocab_size};
}

void OneDnnPass::run_block(int layer) {
  const Block& block = weights_.h[layer];
  normalise(block.ln_1, {}, rows_);
  attend(layer, multiply(block.attn_c_attn, h_.data(), rows_));
  add_to_residual(multiply(block.attn_c_proj, h_.data(), rows_));

  normalise(block.ln_2, {}, rows_);
  float* f = multiply(block.mlp_c_fc, h_.data(), rows_);
  const auto activate = activation_kernel(config_.activation);
  const int inner = config_.inner;
  for_each_row(rows_, inner, [&](std::int64_t row) { activate(f + row * inner, inner); });
  add_to_residual(multiply(block.mlp_c_proj, f, rows_));
}

/// Normalises `count` rows: these ones, or, when none are named, the first.
void OneDnnPass::normalise(const LayerNorm& norm, std::span<const int> rows, int count) {
  const int width = config_.width;
  for_each_row(count, width, [&](std::int64_t i) {
    const std::ptrdiff_t row = rows.empty() ? i : rows[i];
    kernels().layer_norm(x_ + row * width, norm.weight.data(), norm.bias.data(), config_.layer_norm_epsilon,
                         width, h_.data() + i * width);
  });
}

/// `input` may be the last product.
float* OneDnnPass::multiply(const Linear& linear, const float* input, int rows) {
  product_ = linear.onednn()->apply(input, rows);
  return product_.mutable_data_ptr<float>();
}

void OneDnnPass::add_to_residual(const float* from) {
  const int width = config_.width;
  for_each_row(rows_, width,
               [&](std::int64_t row) { kernels().add(x_ + row * width, from + row * width, width); });
}

/// One item of work is a head of a group of rows: it alone touches that head's keys and values, so that
/// writing the new ones and reading them back needs no barrier between. Groups differ in length, so each
/// thread takes the next item when it has done one.
void OneDnnPass::attend(int layer, const float* qkv) {
  const AttentionLayer in_layer = attention_layer(config_, cache_, layer, qkv, h_.data());
  const Attend attend = kernels().attend(cache_.type());
  const auto groups = plan_.groups();
  const std::size_t items = groups.size() * config_.heads;
  const std::size_t scratch_floats = attention_scratch(config_.context_length, config_.head_dim());
  const std::int64_t workers =
      std::clamp<std::int64_t>(plan_.pairs() * config_.width / kElementsPerThread, 1, threads_);
  std::atomic<std::size_t> next{0};
  at::parallel_for(0, workers, 1, [&](std::int64_t begin, std::int64_t) {
    float* scratch = scratch_.data() + begin * scratch_floats;
    for (std::size_t i = next++; i < items; i = next++) {
      attend(in_layer, groups[i / config_.heads], static_cast<int>(i % config_.heads), scratch);
    }
  });
}

}  // namespace inkfleet::gpt2
