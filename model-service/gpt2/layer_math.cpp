#include "model-service/gpt2/layer_math.hpp"

#include <cmath>

namespace inkfleet::gpt2 {
namespace {

float attention_scale(const Config& config, int layer) {
  float scale = config.scale_attention ? 1.0F / std::sqrt(static_cast<float>(config.head_dim())) : 1.0F;
  if (config.scale_by_inverse_layer) scale /= static_cast<float>(layer + 1);
  return scale;
}

}  // namespace

ActivationKernel activation_kernel(Activation activation) {
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

AttentionLayer attention_layer(const Config& config, const KvCache& cache, int layer, const float* qkv,
                               float* out) {
  return {.qkv = qkv,
          .out = out,
          .width = config.width,
          .head_dim = config.head_dim(),
          .scale = attention_scale(config, layer),
          .keys = cache.keys(layer),
          .values = cache.values(layer),
          .block_stride = cache.block_stride()};
}

}  // namespace inkfleet::gpt2
