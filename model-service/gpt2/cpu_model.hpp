#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>

#include "model-service/engine/step_model.hpp"
#include "model-service/gpt2/compute_type.hpp"
#include "model-service/gpt2/kv_type.hpp"
#include "model-service/gpt2/model_summary.hpp"
#include "model-service/gpt2/packed_cache.hpp"

namespace inkfleet::gpt2 {

struct LoadOptions {
  ComputeType dtype = ComputeType::kFp32;
  std::optional<KvType> kv_dtype;   ///< of the cache of keys and values; by default dtype's, fp16 for bf16
  int threads = 0;                  ///< that a step may use; 0: as many as the machine has
  std::size_t kv_bytes = 1 << 30;   ///< for keys and values; must hold one full context
  PackedCacheOptions packed_cache;  ///< of int8; by default nothing is kept
  std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)> progress;  ///< may be empty
};

/// A GPT-2 on the CPU: matrix products in fp32 and bf16 by libtorch (oneDNN), all else by our own kernels.
/// Made by load_model on any thread; then used by one thread only, which may be another.
///
/// What a step computes for a slice does not depend on the other slices, on how a text was cut into steps, or
/// on the number of threads: by construction in our kernels, which is all of int8, and in oneDNN's matrix
/// products as far as measured (AVX-512).
class CpuModel : public engine::StepModel {
 public:
  /// The parts that need libtorch's headers.
  struct Parts;

  explicit CpuModel(std::unique_ptr<Parts> parts);
  ~CpuModel() override;

  [[nodiscard]] const engine::ModelShape& shape() const override { return shape_; }
  [[nodiscard]] const ModelSummary& summary() const;

  /// Throws std::invalid_argument for a token or position that the model does not have.
  engine::StepResult step(std::span<const engine::StepSlice> slices) override;
  void copy_block(engine::BlockId from, engine::BlockId to) override;
  void prepare_block(engine::BlockId block) override;

 private:
  void bind_thread();
  std::span<float> embed(std::span<const engine::StepSlice> slices);
  void find_wanted(std::span<const engine::StepSlice> slices);

  std::unique_ptr<Parts> parts_;
  engine::ModelShape shape_;
  std::thread::id bound_thread_;
};

/// Loads a GPT-2 of the Hugging Face layout: config.json beside model.safetensors, or beside
/// model.safetensors.index.json and its shards. Throws std::runtime_error with one line naming file, tensor
/// or key, expected and found, and where can_compute() says no.
std::unique_ptr<CpuModel> load_model(const std::filesystem::path& folder, const LoadOptions& options = {});

/// Whether this CPU can: all but bf16 can everywhere.
bool can_compute(ComputeType dtype);

/// The format that is fastest here: int8 on a CPU that multiplies 8-bit integers in one instruction.
ComputeType best_compute_type();

/// For receipts: the instruction set of our kernels on this machine, and the version of libtorch.
std::string_view instruction_set(ComputeType dtype);
std::string_view libtorch_version();

}  // namespace inkfleet::gpt2
