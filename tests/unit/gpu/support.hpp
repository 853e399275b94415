#pragma once

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model-service/gpt2/checkpoint.hpp"
#include "model-service/gpu/gpu_abi.h"
#include "tests/unit/gpt2/files.hpp"

/// The GPU library, real or emulated, driven as its ABI says.
namespace inkfleet::gpu::testing {

using namespace gpt2::testing;
using gpt2::SafetensorsFile;

/// GPU_LIBRARY names the file. Stays loaded.
inline void* library() {
  static void* const loaded = [] {
    void* const handle = dlopen(GPU_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) throw std::runtime_error(dlerror());
    return handle;
  }();
  return loaded;
}

template <class Function>
Function* function(const char* name) {
  void* const found = dlsym(library(), name);
  if (found == nullptr) throw std::runtime_error(dlerror());
  return reinterpret_cast<Function*>(found);
}
#define GPU_CALL(name) (::inkfleet::gpu::testing::function<decltype(name)>(#name))

/// "" when there is a device, else why not.
inline std::string no_gpu() {
  inkfleet_gpu_device device{};
  const int code = GPU_CALL(inkfleet_gpu_describe)(0, &device);
  return code == 0 ? "" : "no GPU (CUDA error " + std::to_string(code) + ")";
}

/// So slow that tests take a part of what a real one gets.
inline bool is_emulated() {
  return dlsym(library(), "inkfleet_emulated_bytes") != nullptr;
}

class OnGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = no_gpu(); !why.empty()) GTEST_SKIP() << "skipped: " << why;
  }
};

struct Options {
  inkfleet_gpu_type type = INKFLEET_GPU_FP16;
  int max_rows = 64;
  std::int64_t kv_bytes = std::int64_t{16} << 20;
};

inline inkfleet_gpu_config gpu_config(const gpt2::Config& config, bool tied, inkfleet_gpu_type type) {
  return {.vocab_size = config.vocab_size,
          .context_length = config.context_length,
          .width = config.width,
          .heads = config.heads,
          .layers = config.layers,
          .inner = config.inner,
          .layer_norm_epsilon = config.layer_norm_epsilon,
          .activation = static_cast<inkfleet_gpu_activation>(config.activation),
          .type = type,
          .block_tokens = 16,
          .scale_attention = config.scale_attention,
          .scale_by_inverse_layer = config.scale_by_inverse_layer,
          .tied_head = tied};
}

struct Draw {
  int slice = 0;
  int top_k = 0;
  double temperature = 0;
  double top_p = 0;
  double uniform = 0;
};

struct Answer {
  std::vector<std::int32_t> drawn;
  std::vector<float> logits;
};

struct Slice {
  std::span<const std::int32_t> tokens;
  int first_position = 0;
  std::span<const std::int32_t> blocks;
};

/// A model of a folder, ready for steps.
class Model {
 public:
  explicit Model(const fs::path& folder, Options options = {}) : config_(gpt2::load_config(folder)) {
    const gpt2::Checkpoint checkpoint(folder);
    const bool tied = !checkpoint.has("lm_head.weight");
    const auto config = gpu_config(config_, tied, options.type);
    expect(GPU_CALL(inkfleet_gpu_open)(0, &config, &gpu_));
    upload_all(checkpoint, tied);
    expect(GPU_CALL(inkfleet_gpu_plan)(gpu_, options.max_rows, options.kv_bytes, &kv_blocks_));
    next_block_ = kv_blocks_;
  }
  ~Model() { GPU_CALL(inkfleet_gpu_close)(gpu_); }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  [[nodiscard]] const gpt2::Config& config() const { return config_; }
  [[nodiscard]] inkfleet_gpu* gpu() const { return gpu_; }
  [[nodiscard]] int kv_blocks() const { return kv_blocks_; }

  /// Given out from the last to the first, so that no table is 0, 1, 2, ...
  std::vector<std::int32_t> take_blocks(std::size_t positions) {
    std::vector<std::int32_t> table((positions + 15) / 16);
    for (std::int32_t& block : table) block = --next_block_;
    if (next_block_ < 0) throw std::runtime_error("test: no block left");
    return table;
  }

  int try_step(std::span<const Slice> slices, std::span<const Draw> draws, std::span<const int> logit_slices,
               Answer& answer) {
    std::vector<inkfleet_gpu_slice> raw;
    for (const Slice& slice : slices) {
      raw.push_back({slice.tokens.data(), static_cast<int>(slice.tokens.size()), slice.first_position,
                     slice.blocks.data()});
    }
    std::vector<inkfleet_gpu_draw> raw_draws;
    for (const Draw& draw : draws) {
      raw_draws.push_back({draw.slice, draw.top_k, draw.temperature, draw.top_p, draw.uniform});
    }
    answer.drawn.resize(draws.size());
    answer.logits.resize(logit_slices.size() * config_.vocab_size);
    return GPU_CALL(inkfleet_gpu_step)(gpu_, raw.data(), static_cast<int>(raw.size()), raw_draws.data(),
                                       static_cast<int>(raw_draws.size()), answer.drawn.data(),
                                       logit_slices.data(), static_cast<int>(logit_slices.size()),
                                       answer.logits.data());
  }
  Answer step(std::span<const Slice> slices, std::span<const Draw> draws, std::span<const int> logit_slices) {
    Answer answer;
    expect(try_step(slices, draws, logit_slices, answer));
    return answer;
  }
  /// The logits of all slices.
  std::vector<float> logits(std::span<const Slice> slices) {
    std::vector<int> all(slices.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
    return step(slices, {}, all).logits;
  }
  void copy_block(int from, int to) { expect(GPU_CALL(inkfleet_gpu_copy_block)(gpu_, from, to)); }

 private:
  static void expect(int code) {
    if (code != 0) throw std::runtime_error("CUDA error " + std::to_string(code));
  }

  void upload(const gpt2::Checkpoint& checkpoint, inkfleet_gpu_tensor tensor, int layer,
              const std::string& name, const gpt2::TensorShape& shape) {
    const gpt2::TensorView& view = checkpoint.get(name, shape);
    const auto type = view.dtype == "F32"   ? INKFLEET_GPU_FP32
                      : view.dtype == "F16" ? INKFLEET_GPU_FP16
                                            : INKFLEET_GPU_BF16;
    expect(GPU_CALL(inkfleet_gpu_upload)(gpu_, tensor, layer, view.bytes.data(), type, view.elements()));
  }

  void upload_all(const gpt2::Checkpoint& checkpoint, bool tied) {
    const std::int64_t c = config_.width, inner = config_.inner;
    upload(checkpoint, INKFLEET_GPU_WTE, 0, "wte.weight", {config_.vocab_size, c});
    upload(checkpoint, INKFLEET_GPU_WPE, 0, "wpe.weight", {config_.context_length, c});
    upload(checkpoint, INKFLEET_GPU_LN_F_WEIGHT, 0, "ln_f.weight", {c});
    upload(checkpoint, INKFLEET_GPU_LN_F_BIAS, 0, "ln_f.bias", {c});
    if (!tied) upload(checkpoint, INKFLEET_GPU_LM_HEAD, 0, "lm_head.weight", {config_.vocab_size, c});
    const std::vector<std::pair<std::string, gpt2::TensorShape>> in_layer{{"ln_1.weight", {c}},
                                                                          {"ln_1.bias", {c}},
                                                                          {"attn.c_attn.weight", {c, 3 * c}},
                                                                          {"attn.c_attn.bias", {3 * c}},
                                                                          {"attn.c_proj.weight", {c, c}},
                                                                          {"attn.c_proj.bias", {c}},
                                                                          {"ln_2.weight", {c}},
                                                                          {"ln_2.bias", {c}},
                                                                          {"mlp.c_fc.weight", {c, inner}},
                                                                          {"mlp.c_fc.bias", {inner}},
                                                                          {"mlp.c_proj.weight", {inner, c}},
                                                                          {"mlp.c_proj.bias", {c}}};
    for (int layer = 0; layer < config_.layers; ++layer) {
      int tensor = INKFLEET_GPU_LN_1_WEIGHT;
      for (const auto& [name, shape] : in_layer) {
        upload(checkpoint, static_cast<inkfleet_gpu_tensor>(tensor++), layer,
               "h." + std::to_string(layer) + "." + name, shape);
      }
    }
  }

  gpt2::Config config_;
  inkfleet_gpu* gpu_ = nullptr;
  int kv_blocks_ = 0;
  int next_block_ = 0;
};

/// The distance between both, relative to what is expected.
inline double relative_error(std::span<const float> found, std::span<const float> expected) {
  if (found.size() != expected.size()) return INFINITY;
  double error = 0, size = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    error += std::pow(found[i] - expected[i], 2);
    size += std::pow(expected[i], 2);
  }
  return std::isnan(error) ? INFINITY : std::sqrt(error / size);
}

/// Half of a step of the mantissa's digits.
inline double rounding(inkfleet_gpu_type type) {
  return type == INKFLEET_GPU_FP16 ? 1.0 / (1 << 12) : 1.0 / (1 << 9);
}

/// Roundings that do not know of each other add up as squares: each of four products in a layer, and the
/// head, rounds its weights, its inputs and its results. Twice that is allowed: layer norm and softmax may
/// enlarge an error.
inline double allowed_error(int layers, inkfleet_gpu_type type) {
  return 2 * std::sqrt(3.0 * (4 * layers + 1)) * rounding(type);
}

}  // namespace inkfleet::gpu::testing
