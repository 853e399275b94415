#pragma once

#include "model-service/gpt2/config.hpp"
#include "model-service/gpt2/kernels/kernels.hpp"
#include "model-service/gpt2/kv_cache.hpp"

namespace inkfleet::gpt2 {

/// The kernel that applies an activation to `width` floats in place.
using ActivationKernel = void (*)(float* x, int width);
ActivationKernel activation_kernel(Activation activation);

/// Attention of one layer over the cache: from `qkv` [rows, 3C] to `out` [rows, C].
AttentionLayer attention_layer(const Config& config, const KvCache& cache, int layer, const float* qkv,
                               float* out);

}  // namespace inkfleet::gpt2
