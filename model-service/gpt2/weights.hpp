#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "model-service/gpt2/checkpoint.hpp"
#include "model-service/gpt2/compute_type.hpp"
#include "model-service/gpt2/config.hpp"
#include "model-service/gpt2/embedding.hpp"
#include "model-service/gpt2/linear.hpp"
#include "model-service/gpt2/model_summary.hpp"
#include "model-service/gpt2/outlier_fold.hpp"
#include "model-service/gpt2/packed_cache.hpp"
#include "model-service/gpt2/packed_memory.hpp"

/// A GPT-2's parameters, ready to compute with. Members are named as in the checkpoint.
namespace inkfleet::gpt2 {

struct Block {
  LayerNorm ln_1;
  Linear attn_c_attn;  ///< C -> 3C: queries, keys, values
  Linear attn_c_proj;  ///< C -> C
  LayerNorm ln_2;
  Linear mlp_c_fc;    ///< C -> inner
  Linear mlp_c_proj;  ///< inner -> C
};

struct Weights {
  Embedding wte;  ///< [V, C]
  Embedding wpe;  ///< [context, C]
  std::vector<Block> h;
  LayerNorm ln_f;
  Linear lm_head;       ///< C -> V
  WeightMemory memory;  ///< what all of these point into, but for oneDNN's linears
};

/// Called with bytes done and bytes in all.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Converts and packs every tensor for `dtype`; in int8, only if `cache` has not kept the result. (What
/// oneDNN makes of weights in fp32 and bf16 is its own: that is not kept.)
/// `checkpoint` is not needed afterwards. Throws std::runtime_error naming file, tensor, expected and found;
/// a cache that cannot be used only makes it slower.
Weights load_weights(const Checkpoint& checkpoint, const Config& config, ComputeType dtype,
                     const PackedCacheOptions& cache, const Progress& progress);

}  // namespace inkfleet::gpt2
