#include "model-service/gpt2/int8_pass.hpp"

#include <algorithm>

#include "model-service/gpt2/kernels/kernels.hpp"
#include "model-service/gpt2/layer_math.hpp"

namespace inkfleet::gpt2 {
namespace {

template <class Element>
void grow(std::vector<Element>& vector, std::size_t size) {
  if (vector.size() < size) vector.resize(size);
}

}  // namespace

/// What happens to the quantized rows.
struct Int8Pass::Product {
  const Linear& linear;
  int rows;
  float* out;  ///< [rows, outputs]
  enum class Then { kStore, kActivate, kAddTo } then = Then::kStore;
  const Linear* after = nullptr;  ///< the product that comes next: its weights are asked for at the end
};

Int8Pass::Int8Pass(const Config& config, const Weights& weights, const KvCache& cache,
                   const AttentionPlan& plan, int threads)
    : config_(config), weights_(weights), cache_(cache), plan_(plan), team_(threads) {}

std::span<const float> Int8Pass::run(std::span<float> x, std::span<const int> wanted) {
  x_ = x.data();
  rows_ = static_cast<int>(x.size()) / config_.width;
  wanted_ = wanted;
  reserve(rows_, static_cast<int>(wanted.size()));
  team_.run([this](Team::Worker& worker) { run_layers(worker); });
  return {logits_.data(), wanted.size() * config_.vocab_size};
}

void Int8Pass::reserve(int rows, int wanted) {
  const std::size_t count = rows;
  grow(h_, count * config_.width);
  grow(qkv_, count * 3 * config_.width);
  grow(f_, count * config_.inner);
  grow(logits_, static_cast<std::size_t>(wanted) * config_.vocab_size);
  grow(quantized_, count * quantized_stride(std::max(config_.width, config_.inner)));
  grow(scales_, count);
  const std::size_t scratch =
      std::max(attention_scratch(config_.context_length, config_.head_dim()), count * kPanelColumns);
  if (scratch <= scratch_floats_) return;
  scratch_floats_ = scratch;
  scratch_.resize(scratch * team_.threads());
}

float* Int8Pass::scratch_of(const Team::Worker& worker) {
  return scratch_.data() + worker.rank() * scratch_floats_;
}

void Int8Pass::run_layers(Team::Worker& worker) {
  using Then = Product::Then;
  for (int layer = 0; layer < config_.layers; ++layer) {
    const Block& block = weights_.h[layer];
    const Linear& after = layer + 1 < config_.layers ? weights_.h[layer + 1].attn_c_attn : weights_.lm_head;
    normalise(worker, block.ln_1, {}, rows_);
    multiply(worker, {block.attn_c_attn, rows_, qkv_.data(), Then::kStore, &block.attn_c_proj});
    attend(worker, layer);
    quantize(worker, h_.data(), config_.width);
    multiply(worker, {block.attn_c_proj, rows_, x_, Then::kAddTo, &block.mlp_c_fc});
    normalise(worker, block.ln_2, {}, rows_);
    multiply(worker, {block.mlp_c_fc, rows_, f_.data(), Then::kActivate, &block.mlp_c_proj});
    quantize(worker, f_.data(), config_.inner);
    multiply(worker, {block.mlp_c_proj, rows_, x_, Then::kAddTo, &after});
  }
  if (wanted_.empty()) return;
  const int wanted = static_cast<int>(wanted_.size());
  normalise(worker, weights_.ln_f, wanted_, wanted);
  multiply(worker, {weights_.lm_head, wanted, logits_.data()});
}

/// Normalises and quantizes `count` rows: these ones, or, when none are named, the first.
void Int8Pass::normalise(Team::Worker& worker, const LayerNorm& norm, std::span<const int> rows, int count) {
  const int width = config_.width;
  worker.share(count, [&](int i) {
    const std::ptrdiff_t row = rows.empty() ? i : rows[i];
    float* h = h_.data() + static_cast<std::ptrdiff_t>(i) * width;
    kernels().layer_norm(x_ + row * width, norm.weight.data(), norm.bias.data(), config_.layer_norm_epsilon,
                         width, h);
    scales_[i] = int8_kernels().quantize_row(h, width,
                                             quantized_.data() + std::ptrdiff_t{i} * quantized_stride(width));
  });
}

void Int8Pass::quantize(Team::Worker& worker, const float* from, int width) {
  worker.share(rows_, [&](int row) {
    scales_[row] =
        int8_kernels().quantize_row(from + static_cast<std::ptrdiff_t>(row) * width, width,
                                    quantized_.data() + std::ptrdiff_t{row} * quantized_stride(width));
  });
}

/// One item of work is a head of a group of rows: it alone touches that head's keys and values, so that
/// writing the new ones and reading them back needs no barrier between.
void Int8Pass::attend(Team::Worker& worker, int layer) {
  const AttentionLayer in_layer = attention_layer(config_, cache_, layer, qkv_.data(), h_.data());
  const Attend attend = kernels().attend(cache_.type());
  const auto groups = plan_.groups();
  float* scratch = scratch_of(worker);
  worker.share(static_cast<int>(groups.size()) * config_.heads, [&](int item) {
    attend(in_layer, groups[item / config_.heads], item % config_.heads, scratch);
  });
}

void Int8Pass::multiply(Team::Worker& worker, const Product& product) {
  using Then = Product::Then;
  const Int8Linear& linear = *product.linear.int8();
  const int end = worker.share_end(linear.panels());
  const Int8Linear& after = product.after == nullptr ? linear : *product.after->int8();
  const std::int8_t* const first_after = after.panel(worker.share_of(after.panels()));
  const QuantizedRows rows{.bytes = quantized_.data(), .scales = scales_.data(), .count = product.rows};
  const auto activate = activation_kernel(config_.activation);
  worker.share(linear.panels(), [&](int panel) {
    const std::int8_t* const next = panel + 1 == end ? first_after : linear.panel(panel + 1);
    const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(panel) * kPanelColumns;
    const int columns = linear.columns(panel);
    if (product.then == Then::kAddTo) {
      float* scratch = scratch_of(worker);
      linear.multiply(rows, panel, next, scratch, kPanelColumns);
      for (int r = 0; r < product.rows; ++r) {
        kernels().add(product.out + std::ptrdiff_t{r} * linear.outputs() + first,
                      scratch + std::ptrdiff_t{r} * kPanelColumns, columns);
      }
      return;
    }
    linear.multiply(rows, panel, next, product.out + first, linear.outputs());
    if (product.then == Then::kStore) return;
    for (int r = 0; r < product.rows; ++r)
      activate(product.out + std::ptrdiff_t{r} * linear.outputs() + first, columns);
  });
}

}  // namespace inkfleet::gpt2
