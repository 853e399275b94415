#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "model-service/engine/scheduler.hpp"
#include "model-service/engine/step_model.hpp"
#include "model-service/gpt2/model_summary.hpp"
#include "model-service/gpu/gpu_library.hpp"

namespace inkfleet::gpu {

struct LoadOptions {
  std::filesystem::path library;
  int device = 0;
  inkfleet_gpu_type type = INKFLEET_GPU_FP16;  ///< to compute in
  int max_rows = 0;                            ///< of a step
  std::size_t kv_bytes = 0;  ///< for keys and values; 0: nine tenths of what is left beside the weights
  std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)> progress;  ///< may be empty
};

/// A GPT-2 on a CUDA device, which draws tokens itself. Made by load_model and used on one thread.
///
/// A device error is thrown as health::DeviceFailure. After any but want of memory the device is lost to this
/// process, and what the model holds there is not given back: that could block for good.
class GpuModel : public engine::StepModel {
 public:
  GpuModel(const GpuLibrary& library, int device, const inkfleet_gpu_config& config);
  ~GpuModel() override;
  GpuModel(const GpuModel&) = delete;
  GpuModel& operator=(const GpuModel&) = delete;

  [[nodiscard]] const engine::ModelShape& shape() const override { return shape_; }

  /// Throws std::invalid_argument for a token or position that the model does not have, and
  /// std::runtime_error when the device draws a token that is none.
  engine::StepResult step(std::span<const engine::StepSlice> slices) override;
  void copy_block(engine::BlockId from, engine::BlockId to) override;

  // While it is loaded, in this order.
  /// Converts a tensor on its way to the device; `values` may have any alignment.
  void upload(inkfleet_gpu_tensor tensor, int layer, const void* values, inkfleet_gpu_type type,
              std::int64_t count);
  void plan(int max_rows, std::size_t kv_bytes, engine::TokenId end_of_text);

  // For tests of health.
  void break_device();
  void spin(unsigned milliseconds);

 private:
  void describe(std::span<const engine::StepSlice> slices);
  void check(int code, std::string_view doing);

  GpuLibrary library_;
  engine::ModelShape shape_;
  inkfleet_gpu* gpu_ = nullptr;
  bool lost_ = false;

  // Of the step under way.
  std::vector<inkfleet_gpu_slice> slices_;
  std::vector<inkfleet_gpu_draw> draws_;
  std::vector<int> logit_slices_;
  std::vector<float> logits_;  ///< [logit_slices, V]
  std::vector<engine::TokenId> drawn_;
};

struct LoadedGpuModel {
  std::unique_ptr<GpuModel> model;
  gpt2::ModelSummary summary;
  inkfleet_gpu_device device;
};

/// Loads a GPT-2 of the Hugging Face layout, tensor by tensor from the mapped files. Throws
/// std::runtime_error with one line naming file, tensor or key, expected and found, or what the device said.
LoadedGpuModel load_model(const std::filesystem::path& folder, const LoadOptions& options);

/// What a model takes of a device's memory, in fp16 as in bf16, beside the workspace of a step.
struct GpuMemory {
  std::int64_t weights_bytes;
  std::int64_t position_bytes;  ///< of keys and values
};
GpuMemory memory_on_gpu(const gpt2::Config& config, bool tied_head);

/// As many suggestions side by side, and as much of a prompt at a time, as make matrix products worth reading
/// the weights.
void fit_to_gpu(engine::SchedulerOptions& scheduler);

/// "fp16" or "bf16", as flags and receipts name them; none for what a GPU does not compute in.
std::optional<inkfleet_gpu_type> gpu_type(std::string_view name);

}  // namespace inkfleet::gpu
