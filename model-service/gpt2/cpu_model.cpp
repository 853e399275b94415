#include "model-service/gpt2/cpu_model.hpp"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "model-service/gpt2/attention_plan.hpp"
#include "model-service/gpt2/kernels/kernels.hpp"
#include "model-service/gpt2/kv_cache.hpp"
#include "model-service/gpt2/weights.hpp"

namespace inkfleet::gpt2 {
namespace {

using engine::StepSlice;

/// Floats that a thread should have to work on, at least: below, waking one costs more than it saves.
constexpr std::int64_t kElementsPerThread = std::int64_t{16} * 1024;

/// Rows of embeddings, and with them sixteen pages each, that are worth giving back.
constexpr int kRowsThatTouchMuch = 64;

int last_position(const StepSlice& slice) {
  return slice.first_position + static_cast<int>(slice.tokens.size()) - 1;
}

int count_rows(std::span<const StepSlice> slices) {
  std::size_t rows = 0;
  for (const StepSlice& slice : slices) rows += slice.tokens.size();
  return static_cast<int>(rows);
}

/// Calls f(row) for every row of `width` floats, on several threads when there is enough to do.
template <class Function>
void for_each_row(int rows, int width, const Function& f) {
  const std::int64_t grain = std::max<std::int64_t>(1, kElementsPerThread / width);
  at::parallel_for(0, rows, grain, [&f](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) f(row);
  });
}

auto activation_kernel(Activation activation) {
  switch (activation) {
    case Activation::kGeluErf:
      return kernels().gelu_erf;
    case Activation::kRelu:
      return kernels().relu;
    case Activation::kGeluTanh:
      break;
  }
  return kernels().gelu_tanh;
}

float attention_scale(const Config& config, int layer) {
  float scale = config.scale_attention ? 1.0F / std::sqrt(static_cast<float>(config.head_dim())) : 1.0F;
  if (config.scale_by_inverse_layer) scale /= static_cast<float>(layer + 1);
  return scale;
}

}  // namespace

/// Activations of the largest step so far; they only grow. Unused rows hold whatever an earlier step left.
struct Workspace {
  std::vector<float> x;        ///< [rows, C]: the residual stream
  std::vector<float> h;        ///< [padded rows, C]: what goes into the next matrix product
  std::vector<float> scratch;  ///< of attention, for each thread
  AttentionPlan plan;          ///< of this step
  LinearWorkspace linear;      ///< at the end of a step its result is the logits

  void reserve(int rows, int width) {
    const std::size_t floats = static_cast<std::size_t>(Linear::padded_rows(rows)) * width;
    if (x.size() < floats) x.resize(floats);
    if (h.size() < floats) h.resize(floats);
  }
};

struct CpuModel::Parts {
  Config config;
  int threads;
  ModelSummary summary;
  Weights weights;
  KvCache cache;
  Workspace workspace;
};

CpuModel::CpuModel(std::unique_ptr<Parts> parts)
    : parts_(std::move(parts)),
      shape_{.vocab_size = parts_->config.vocab_size,
             .context_length = parts_->config.context_length,
             .block_tokens = kBlockTokens,
             .kv_blocks = parts_->cache.blocks(),
             .end_of_text = parts_->config.end_of_text} {
  parts_->workspace.plan = AttentionPlan(shape_.kv_blocks);
  parts_->workspace.scratch.resize(parts_->threads *
                                   attention_scratch(shape_.context_length, parts_->config.head_dim()));
}

CpuModel::~CpuModel() = default;

const ModelSummary& CpuModel::summary() const {
  return parts_->summary;
}

/// libtorch's number of threads belongs to the thread that asks for them. A thread's first parallel operation
/// takes what any thread asked for last, so that is got over with first.
void CpuModel::bind_thread() {
  if (bound_thread_ == std::this_thread::get_id()) return;
  static_cast<void>(at::get_num_threads());
  at::set_num_threads(parts_->threads);
  bound_thread_ = std::this_thread::get_id();
}

void CpuModel::check(std::span<const StepSlice> slices) const {
  for (const StepSlice& slice : slices) {
    const auto needed = static_cast<std::size_t>(last_position(slice) / kBlockTokens + 1);
    if (slice.tokens.empty() || slice.first_position < 0 || last_position(slice) >= shape_.context_length ||
        slice.blocks.size() < needed) {
      throw std::invalid_argument("step: expected tokens at positions within context and blocks, found " +
                                  std::to_string(slice.tokens.size()) + " from " +
                                  std::to_string(slice.first_position) + " in " +
                                  std::to_string(slice.blocks.size()) + " blocks");
    }
    for (const engine::TokenId token : slice.tokens) {
      if (token < 0 || token >= shape_.vocab_size) {
        throw std::invalid_argument("step: expected tokens below " + std::to_string(shape_.vocab_size) +
                                    ", found " + std::to_string(token));
      }
    }
    for (const engine::BlockId block : slice.blocks.first(needed)) {
      if (block < 0 || block >= shape_.kv_blocks) {
        throw std::invalid_argument("step: expected blocks below " + std::to_string(shape_.kv_blocks) +
                                    ", found " + std::to_string(block));
      }
    }
  }
}

std::span<const float> CpuModel::step(std::span<const StepSlice> slices) {
  if (slices.empty()) return {};
  check(slices);
  bind_thread();
  const c10::InferenceMode inference;
  const int rows = count_rows(slices);
  parts_->workspace.reserve(rows, parts_->config.width);
  parts_->workspace.plan.build(slices, parts_->config.heads, parts_->threads);
  embed(slices);
  for (int layer = 0; layer < parts_->config.layers; ++layer) run_block(layer, rows);
  return head(slices);
}

void CpuModel::embed(std::span<const StepSlice> slices) {
  float* row = parts_->workspace.x.data();
  for (const StepSlice& slice : slices) {
    int position = slice.first_position;
    for (const engine::TokenId token : slice.tokens) {
      parts_->weights.wte.copy_row(token, row);
      parts_->weights.wpe.add_row(position++, row);
      row += parts_->config.width;
    }
  }
  if (count_rows(slices) > kRowsThatTouchMuch) parts_->weights.memory.tables.rest();
}

void CpuModel::run_block(int layer, int rows) {
  const Block& block = parts_->weights.h[layer];
  const int width = parts_->config.width;
  float* x = parts_->workspace.x.data();
  float* h = parts_->workspace.h.data();
  const auto normalise = [&](const LayerNorm& norm) {
    for_each_row(rows, width, [&](std::int64_t row) {
      kernels().layer_norm(x + row * width, norm.weight.data(), norm.bias.data(),
                           parts_->config.layer_norm_epsilon, width, h + row * width);
    });
  };
  LinearWorkspace& linear = parts_->workspace.linear;
  const auto add_to_residual = [&](const float* from) {
    for_each_row(rows, width,
                 [&](std::int64_t row) { kernels().add(x + row * width, from + row * width, width); });
  };

  normalise(block.ln_1);
  attend(layer, block.attn_c_attn.apply(h, rows, linear));
  add_to_residual(block.attn_c_proj.apply(h, rows, linear));

  normalise(block.ln_2);
  float* f = block.mlp_c_fc.apply(h, rows, linear);
  const auto activate = activation_kernel(parts_->config.activation);
  const int inner_width = parts_->config.inner;
  for_each_row(rows, inner_width, [&](std::int64_t row) { activate(f + row * inner_width, inner_width); });
  add_to_residual(block.mlp_c_proj.apply(f, rows, linear));
}

/// One item of work is a head of a group of rows: it alone touches that head's keys and values, so that
/// writing the new ones and reading them back needs no barrier between. Groups differ in length, so each
/// thread takes the next item when it has done one.
void CpuModel::attend(int layer, const float* qkv) {
  const Config& config = parts_->config;
  const KvCache& cache = parts_->cache;
  Workspace& work = parts_->workspace;
  const AttentionLayer in_layer{.qkv = qkv,
                                .out = work.h.data(),
                                .width = config.width,
                                .head_dim = config.head_dim(),
                                .scale = attention_scale(config, layer),
                                .keys = cache.keys(layer),
                                .values = cache.values(layer),
                                .block_stride = cache.block_stride()};
  const Attend attend = kernels().attend(cache.type());
  const auto groups = work.plan.groups();
  const std::size_t items = groups.size() * config.heads;
  const std::size_t scratch_floats = attention_scratch(config.context_length, config.head_dim());
  const std::int64_t workers =
      std::clamp<std::int64_t>(work.plan.pairs() * config.width / kElementsPerThread, 1, parts_->threads);
  std::atomic<std::size_t> next{0};
  at::parallel_for(0, workers, 1, [&](std::int64_t begin, std::int64_t) {
    float* scratch = work.scratch.data() + begin * scratch_floats;
    for (std::size_t i = next++; i < items; i = next++) {
      attend(in_layer, groups[i / config.heads], static_cast<int>(i % config.heads), scratch);
    }
  });
}

std::span<const float> CpuModel::head(std::span<const StepSlice> slices) {
  const int width = parts_->config.width;
  const LayerNorm& norm = parts_->weights.ln_f;
  Workspace& work = parts_->workspace;
  int wanted = 0;
  const float* row = work.x.data();
  for (const StepSlice& slice : slices) {
    row += slice.tokens.size() * width;  // behind the slice's last row
    if (!slice.wants_logits) continue;
    kernels().layer_norm(row - width, norm.weight.data(), norm.bias.data(), parts_->config.layer_norm_epsilon,
                         width, work.h.data() + static_cast<std::ptrdiff_t>(wanted++) * width);
  }
  if (wanted == 0) return {};
  const float* logits = parts_->weights.lm_head.apply(work.h.data(), wanted, work.linear);
  return {logits, static_cast<std::size_t>(wanted) * shape_.vocab_size};
}

void CpuModel::copy_block(engine::BlockId from, engine::BlockId to) {
  parts_->cache.copy(from, to);
}

std::unique_ptr<CpuModel> load_model(const std::filesystem::path& folder, const LoadOptions& options) {
  const Config config = load_config(folder);
  const int threads =
      options.threads > 0 ? options.threads : static_cast<int>(std::thread::hardware_concurrency());
  at::set_num_threads(std::max(threads, 1));
  const Checkpoint checkpoint(folder);
  ModelSummary summary = summarize(checkpoint, config);
  std::unique_ptr<CpuModel::Parts> parts(new CpuModel::Parts{
      .config = config,
      .threads = std::max(threads, 1),
      .summary = std::move(summary),
      .weights = load_weights(checkpoint, config, options.dtype, options.packed_cache, options.progress),
      .cache = KvCache(config, options.kv_dtype, options.kv_bytes),
      .workspace = {}});
  return std::make_unique<CpuModel>(std::move(parts));
}

ComputeType best_compute_type() {
  return has_fast_int8() ? ComputeType::kInt8 : ComputeType::kFp32;
}

std::string_view instruction_set(ComputeType dtype) {
  return dtype == ComputeType::kInt8 ? int8_kernels().instruction_set : kernels().instruction_set;
}
std::string_view libtorch_version() {
  return TORCH_VERSION;
}

}  // namespace inkfleet::gpt2
