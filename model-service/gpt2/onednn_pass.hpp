#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "model-service/gpt2/attention_plan.hpp"
#include "model-service/gpt2/config.hpp"
#include "model-service/gpt2/kv_cache.hpp"
#include "model-service/gpt2/weights.hpp"

namespace inkfleet::gpt2 {

/// One step through all layers with matrix products by libtorch (oneDNN) in fp32 or bf16, which brings its
/// own threads; all else is done in fp32 by our kernels in parallel regions between.
class OneDnnPass {
 public:
  /// All must outlive this object. `plan` is built before each run().
  OneDnnPass(const Config& config, const Weights& weights, const KvCache& cache, const AttentionPlan& plan,
             int threads);

  /// `x` is [rows, C], the embedded tokens, and is overwritten; `wanted` are the rows whose logits are asked
  /// for. Returns [wanted, V], until the next call.
  std::span<const float> run(std::span<float> x, std::span<const int> wanted);

 private:
  void run_block(int layer);
  void normalise(const LayerNorm& norm, std::span<const int> rows, int count);
  void attend(int layer, const float* qkv);
  float* multiply(const Linear& linear, const float* input, int rows);
  void add_to_residual(const float* from);

  const Config& config_;
  const Weights& weights_;
  const KvCache& cache_;
  const AttentionPlan& plan_;
  int threads_;

  float* x_ = nullptr;  // of the run under way
  int rows_ = 0;
  std::vector<float> h_;  ///< [padded rows, C]: what goes into the next product; of the largest run so far
  std::vector<float> scratch_;  ///< of attention, for each thread
  at::Tensor product_;          ///< the last one
};

}  // namespace inkfleet::gpt2
