#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model-service/gpt2/attention_plan.hpp"
#include "model-service/gpt2/config.hpp"
#include "model-service/gpt2/kv_cache.hpp"
#include "model-service/gpt2/team.hpp"
#include "model-service/gpt2/weights.hpp"

namespace inkfleet::gpt2 {

/// One step through all layers in int8. Every stage is shared by all threads, and what needs no row of
/// another thread is done in the stage before: a row is quantized right after its norm, the activation and
/// the sum with the residual stream are applied to each panel of a product while it is in the cache.
///
/// A row's bits depend on nothing but the row: see kernels/int8.hpp and kernels/kernels.hpp.
class Int8Pass {
 public:
  /// All must outlive this object. `plan` is built before each run().
  Int8Pass(const Config& config, const Weights& weights, const KvCache& cache, const AttentionPlan& plan,
           int threads);

  /// `x` is [rows, C], the embedded tokens, and is overwritten; `wanted` are the rows whose logits are asked
  /// for. Returns [wanted, V], until the next call.
  std::span<const float> run(std::span<float> x, std::span<const int> wanted);

 private:
  struct Product;

  void reserve(int rows, int wanted);
  void run_layers(Team::Worker& worker);
  void normalise(Team::Worker& worker, const LayerNorm& norm, std::span<const int> rows, int count);
  void quantize(Team::Worker& worker, const float* from, int width);
  void attend(Team::Worker& worker, int layer);
  void multiply(Team::Worker& worker, const Product& product);
  [[nodiscard]] float* scratch_of(const Team::Worker& worker);

  const Config& config_;
  const Weights& weights_;
  const KvCache& cache_;
  const AttentionPlan& plan_;
  Team team_;

  // Of the run under way.
  float* x_ = nullptr;
  int rows_ = 0;
  std::span<const int> wanted_;

  // Of the largest run so far.
  std::vector<float> h_;    ///< [rows, C]: normalised, or attention's result
  std::vector<float> qkv_;  ///< [rows, 3C]
  std::vector<float> f_;    ///< [rows, inner]
  std::vector<float> logits_;
  std::vector<std::uint8_t> quantized_;  ///< [rows, quantized_stride(C or inner)]
  std::vector<RowScale> scales_;         ///< [rows]
  std::vector<float> scratch_;           ///< [threads]
  std::size_t scratch_floats_ = 0;       ///< of one thread
};

}  // namespace inkfleet::gpt2
