#include "model-service/gpt2/cpu_model.hpp"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "model-service/engine/check_slices.hpp"
#include "model-service/gpt2/attention_plan.hpp"
#include "model-service/gpt2/int8_pass.hpp"
#include "model-service/gpt2/kernels/kernels.hpp"
#include "model-service/gpt2/kv_cache.hpp"
#include "model-service/gpt2/onednn_pass.hpp"
#include "model-service/gpt2/resident_code.hpp"
#include "model-service/gpt2/weights.hpp"

namespace inkfleet::gpt2 {
namespace {

using engine::StepSlice;

/// Rows of embeddings, and with them sixteen pages each, that are worth giving back.
constexpr int kRowsThatTouchMuch = 32;

KvType kv_type(const LoadOptions& options) {
  if (options.kv_dtype) return *options.kv_dtype;
  switch (options.dtype) {
    case ComputeType::kInt8:
      return KvType::kInt8;
    case ComputeType::kBf16:  // whose products have fewer digits than fp16 keeps
      return KvType::kFp16;
    case ComputeType::kFp32:
      break;
  }
  return KvType::kFp32;
}

int count_rows(std::span<const StepSlice> slices) {
  std::size_t rows = 0;
  for (const StepSlice& slice : slices) rows += slice.tokens.size();
  return static_cast<int>(rows);
}

}  // namespace

struct CpuModel::Parts {
  Config config;
  int threads;
  ModelSummary summary;
  Weights weights;
  KvCache cache;
  AttentionPlan plan{cache.blocks()};
  /// Made when the other parts lie where they stay.
  std::variant<std::monostate, OneDnnPass, Int8Pass> pass{};
  std::vector<float> x{};     ///< [rows, C]: the residual stream; of the largest step so far
  std::vector<int> wanted{};  ///< rows of the step whose logits are asked for
  int rows_since_rest = 0;    ///< of embeddings that were read

  void make_pass(ComputeType dtype) {
    if (dtype == ComputeType::kInt8) {
      pass.emplace<Int8Pass>(config, weights, cache, plan, threads);
    } else {
      pass.emplace<OneDnnPass>(config, weights, cache, plan, threads);
    }
  }
};

CpuModel::CpuModel(std::unique_ptr<Parts> parts)
    : parts_(std::move(parts)),
      shape_{.vocab_size = parts_->config.vocab_size,
             .context_length = parts_->config.context_length,
             .block_tokens = kBlockTokens,
             .kv_blocks = parts_->cache.blocks(),
             .end_of_text = parts_->config.end_of_text} {}

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

engine::StepResult CpuModel::step(std::span<const StepSlice> slices) {
  if (slices.empty()) return {};
  engine::check_slices(shape_, slices);
  bind_thread();
  const c10::InferenceMode inference;
  parts_->plan.build(slices, parts_->config.heads, parts_->threads);
  const std::span<float> x = embed(slices);
  find_wanted(slices);
  if (auto* int8 = std::get_if<Int8Pass>(&parts_->pass)) return {.logits = int8->run(x, parts_->wanted)};
  return {.logits = std::get<OneDnnPass>(parts_->pass).run(x, parts_->wanted)};
}

std::span<float> CpuModel::embed(std::span<const StepSlice> slices) {
  const int rows = count_rows(slices);
  const std::size_t floats = static_cast<std::size_t>(rows) * parts_->config.width;
  if (parts_->x.size() < floats) parts_->x.resize(floats);
  float* row = parts_->x.data();
  for (const StepSlice& slice : slices) {
    int position = slice.first_position;
    for (const engine::TokenId token : slice.tokens) {
      parts_->weights.wte.copy_row(token, row);
      parts_->weights.wpe.add_row(position++, row);
      row += parts_->config.width;
    }
  }
  parts_->rows_since_rest += rows;
  if (parts_->rows_since_rest >= kRowsThatTouchMuch) {
    parts_->weights.memory.tables.rest();
    parts_->rows_since_rest = 0;
  }
  return {parts_->x.data(), floats};
}

/// The last row of each slice that wants logits.
void CpuModel::find_wanted(std::span<const StepSlice> slices) {
  parts_->wanted.clear();
  int row = 0;
  for (const StepSlice& slice : slices) {
    row += static_cast<int>(slice.tokens.size());
    if (slice.wants_logits) parts_->wanted.push_back(row - 1);
  }
}

void CpuModel::copy_block(engine::BlockId from, engine::BlockId to) {
  parts_->cache.copy(from, to);
}

void CpuModel::prepare_block(engine::BlockId block) {
  parts_->cache.prepare(block);
}

std::unique_ptr<CpuModel> load_model(const std::filesystem::path& folder, const LoadOptions& options) {
  if (!can_compute(options.dtype)) {
    throw std::runtime_error(
        "dtype bf16: expected a CPU with AVX-512 (BW, VL, DQ) or AVX-NE-CONVERT, found neither; take int8 or "
        "fp32");
  }
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
      .cache = KvCache(config, kv_type(options), options.kv_bytes)});
  parts->make_pass(options.dtype);
  if (options.dtype == ComputeType::kInt8) rest_libtorch();
  return std::make_unique<CpuModel>(std::move(parts));
}

bool can_compute(ComputeType dtype) {
  return dtype != ComputeType::kBf16 || supports_bf16();
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
