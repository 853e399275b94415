#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model-service/gpu/cuda/graphs.hpp"
#include "model-service/gpu/cuda/pass.hpp"

namespace inkfleet::gpu {

/// Runs steps: one copy of what the step is, its launches, copies of what comes out, one wait.
class Runner {
 public:
  /// Takes memory for steps of up to `max_rows` rows, then blocks of keys and values: at most `kv_bytes` of
  /// them, or nine tenths of what is left; then records graphs.
  Runner(const ModelShape& shape, const Weights& weights, const Cublas& cublas, const Device& device,
         int max_rows, std::int64_t kv_bytes, const Stream& stream);

  [[nodiscard]] int kv_blocks() const { return kv_blocks_; }

  /// False for a step that may not be.
  bool step(std::span<const inkfleet_gpu_slice> slices, std::span<const inkfleet_gpu_draw> draws,
            std::int32_t* drawn, std::span<const int> logit_slices, float* logits);
  bool copy_block(int from, int to);

 private:
  /// Where the last copied step keeps what the head is for.
  struct Wanted {
    const int* rows;
    const Draw* draws;
  };

  [[nodiscard]] bool is_valid(std::span<const inkfleet_gpu_slice> slices,
                              std::span<const inkfleet_gpu_draw> draws,
                              std::span<const int> logit_slices) const;
  void find_wanted(std::span<const inkfleet_gpu_slice> slices, std::span<const inkfleet_gpu_draw> draws,
                   std::span<const int> logit_slices);
  void take_cache(std::int64_t kv_bytes);
  Wanted send(std::span<const inkfleet_gpu_slice> slices, std::span<const inkfleet_gpu_draw> draws, int rows);
  void run_layers(int rows, bool recorded);
  void run_head(const Wanted& wanted, int rows, std::size_t draws, std::span<const int> logit_slices);

  ModelShape shape_;
  const Stream& stream_;
  int max_rows_;
  int max_draws_;
  int kv_blocks_ = 0;
  StepPlan plan_;
  std::unique_ptr<Pass> pass_;
  PinnedArray<std::byte> step_on_host_;
  DeviceArray<std::byte> step_;
  PinnedArray<int> drawn_on_host_;
  DeviceArray<int> drawn_;
  PinnedArray<float> logits_on_host_;  ///< [logit_slices, V], as many as were ever asked for at once
  DeviceArray<std::byte> keys_and_values_;
  Graphs graphs_;
  std::vector<int> wanted_;           ///< rows whose logits are asked for
  std::vector<int> wanted_of_slice_;  ///< place in wanted_, or -1
};

}  // namespace inkfleet::gpu
