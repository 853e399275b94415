// From the files of a checkpoint to a device.

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <utility>

#include "model-service/gpt2/checkpoint.hpp"
#include "model-service/gpt2/config.hpp"
#include "model-service/gpu/cuda/model_shape.hpp"
#include "model-service/gpu/gpu_model.hpp"
#include "model-service/health/device_error.hpp"

namespace inkfleet::gpu {
namespace {

using gpt2::Checkpoint;
using gpt2::Config;

constexpr int kBlockTokens = 16;

/// The least compute capability that multiplies matrices of bf16.
constexpr int kBf16Major = 8;

constexpr std::array<std::pair<std::string_view, inkfleet_gpu_type>, 2> kTypes{
    {{"fp16", INKFLEET_GPU_FP16}, {"bf16", INKFLEET_GPU_BF16}}};

inkfleet_gpu_type type_of(const gpt2::TensorView& view) {
  if (view.dtype == "F16") return INKFLEET_GPU_FP16;
  return view.dtype == "BF16" ? INKFLEET_GPU_BF16 : INKFLEET_GPU_FP32;
}

inkfleet_gpu_activation activation_of(gpt2::Activation activation) {
  switch (activation) {
    case gpt2::Activation::kGeluErf:
      return INKFLEET_GPU_GELU_ERF;
    case gpt2::Activation::kRelu:
      return INKFLEET_GPU_RELU;
    case gpt2::Activation::kGeluTanh:
      break;
  }
  return INKFLEET_GPU_GELU_TANH;
}

inkfleet_gpu_config describe(const Config& config, bool tied_head, inkfleet_gpu_type type) {
  return {.vocab_size = config.vocab_size,
          .context_length = config.context_length,
          .width = config.width,
          .heads = config.heads,
          .layers = config.layers,
          .inner = config.inner,
          .layer_norm_epsilon = config.layer_norm_epsilon,
          .activation = activation_of(config.activation),
          .type = type,
          .block_tokens = kBlockTokens,
          .scale_attention = config.scale_attention ? 1 : 0,
          .scale_by_inverse_layer = config.scale_by_inverse_layer ? 1 : 0,
          .tied_head = tied_head ? 1 : 0};
}

void check_type(inkfleet_gpu_type type, const inkfleet_gpu_device& device) {
  if (type != INKFLEET_GPU_BF16 || device.major >= kBf16Major) return;
  const auto capability = std::to_string(device.major) + "." + std::to_string(device.minor);
  throw std::runtime_error("--dtype bf16: expected a GPU of compute capability 8.0 or above, found " +
                           std::string(device.name) + " of " + capability + "; take fp16");
}

/// Sends a checkpoint's tensors and counts the bytes.
class Uploader {
 public:
  Uploader(const Checkpoint& checkpoint, const Config& config, GpuModel& model, const LoadOptions& options)
      : checkpoint_(checkpoint), config_(config), model_(model), progress_(options.progress) {
    for (const auto& file : checkpoint.files()) {
      for (const auto& [name, tensor] : file.tensors()) total_ += tensor.bytes.size();
    }
  }

  void send_all(bool tied_head) {
    const auto [vocab, context, width] =
        std::array{config_.vocab_size, config_.context_length, config_.width};
    send(INKFLEET_GPU_WTE, 0, "wte.weight", {vocab, width});
    send(INKFLEET_GPU_WPE, 0, "wpe.weight", {context, width});
    send(INKFLEET_GPU_LN_F_WEIGHT, 0, "ln_f.weight", {width});
    send(INKFLEET_GPU_LN_F_BIAS, 0, "ln_f.bias", {width});
    if (!tied_head) send(INKFLEET_GPU_LM_HEAD, 0, "lm_head.weight", {vocab, width});
    for (int layer = 0; layer < config_.layers; ++layer) send_layer(layer);
    if (progress_) progress_(total_, total_);
  }

 private:
  void send_layer(int layer) {
    const int width = config_.width;
    const int inner = config_.inner;
    const auto send_part = [&](inkfleet_gpu_tensor tensor, const char* name, const gpt2::TensorShape& shape) {
      send(tensor, layer, "h." + std::to_string(layer) + "." + name, shape);
    };
    send_part(INKFLEET_GPU_LN_1_WEIGHT, "ln_1.weight", {width});
    send_part(INKFLEET_GPU_LN_1_BIAS, "ln_1.bias", {width});
    send_part(INKFLEET_GPU_ATTN_C_ATTN_WEIGHT, "attn.c_attn.weight", {width, std::int64_t{3} * width});
    send_part(INKFLEET_GPU_ATTN_C_ATTN_BIAS, "attn.c_attn.bias", {std::int64_t{3} * width});
    send_part(INKFLEET_GPU_ATTN_C_PROJ_WEIGHT, "attn.c_proj.weight", {width, width});
    send_part(INKFLEET_GPU_ATTN_C_PROJ_BIAS, "attn.c_proj.bias", {width});
    send_part(INKFLEET_GPU_LN_2_WEIGHT, "ln_2.weight", {width});
    send_part(INKFLEET_GPU_LN_2_BIAS, "ln_2.bias", {width});
    send_part(INKFLEET_GPU_MLP_C_FC_WEIGHT, "mlp.c_fc.weight", {width, inner});
    send_part(INKFLEET_GPU_MLP_C_FC_BIAS, "mlp.c_fc.bias", {inner});
    send_part(INKFLEET_GPU_MLP_C_PROJ_WEIGHT, "mlp.c_proj.weight", {inner, width});
    send_part(INKFLEET_GPU_MLP_C_PROJ_BIAS, "mlp.c_proj.bias", {width});
  }

  void send(inkfleet_gpu_tensor tensor, int layer, const std::string& name, const gpt2::TensorShape& shape) {
    const auto& view = checkpoint_.get(name, shape);
    if (progress_) progress_(done_, total_);
    model_.upload(tensor, layer, view.bytes.data(), type_of(view), view.elements());
    done_ = std::min(done_ + view.bytes.size(), total_);
  }

  const Checkpoint& checkpoint_;
  const Config& config_;
  GpuModel& model_;
  const std::function<void(std::uint64_t, std::uint64_t)>& progress_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace

GpuMemory memory_on_gpu(const Config& config, bool tied_head) {
  const ModelShape shape(describe(config, tied_head, INKFLEET_GPU_FP16));
  const std::int64_t width = config.width;
  const std::int64_t embeddings =
      width * ((tied_head ? 1 : 2) * std::int64_t{shape.vocab} + config.context_length);
  const std::int64_t matrices = 4 * width * width + 2 * width * shape.inner;
  const std::int64_t floats = 9 * width + shape.inner;  // norms and biases of a layer
  return {
      .weights_bytes = 2 * (embeddings + config.layers * matrices) + 4 * (config.layers * floats + 2 * width),
      .position_bytes = shape.kv_block_bytes() / kBlockTokens};
}

void fit_to_gpu(engine::SchedulerOptions& scheduler) {
  scheduler.max_sequences = 1024;
  scheduler.prefill_rows = 1024;
  scheduler.prefill_burst = 2048;
}

std::optional<inkfleet_gpu_type> gpu_type(std::string_view name) {
  const auto* const found = std::ranges::find(kTypes, name, [](const auto& entry) { return entry.first; });
  if (found == kTypes.end()) return std::nullopt;
  return found->second;
}

LoadedGpuModel load_model(const std::filesystem::path& folder, const LoadOptions& options) {
  const Config config = gpt2::load_config(folder);
  const Checkpoint checkpoint(folder);
  checkpoint.check_layers(config);
  const bool tied_head = gpt2::has_tied_head(checkpoint, config);
  const GpuLibrary library(options.library);
  LoadedGpuModel loaded{.model = {}, .summary = gpt2::summarize(checkpoint, config), .device = {}};
  try {
    if (const int code = library.describe(options.device, &loaded.device); code != 0) {
      throw health::DeviceFailure("looking at the device", health::device_error(code));
    }
    check_type(options.type, loaded.device);
    loaded.model =
        std::make_unique<GpuModel>(library, options.device, describe(config, tied_head, options.type));
    Uploader(checkpoint, config, *loaded.model, options).send_all(tied_head);
    loaded.model->plan(options.max_rows, options.kv_bytes, config.end_of_text);
  } catch (const health::DeviceFailure& failure) {
    throw std::runtime_error(folder.string() + ": cannot be loaded onto the GPU: " + failure.what());
  }
  return loaded;
}

}  // namespace inkfleet::gpu
