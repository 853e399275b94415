#pragma once

#include <cstddef>
#include <memory>

#include "model-service/gpu/cuda/cublas.hpp"
#include "model-service/gpu/cuda/step_plan.hpp"
#include "model-service/gpu/cuda/weights.hpp"

namespace inkfleet::gpu {

/// Launches what a step computes, on one stream; nothing here waits. Up to 8 rows go through products of our
/// own with all else fused into them, five kernels a layer; more through cuBLAS.
class Pass {
 public:
  Pass() = default;
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;
  virtual ~Pass() = default;

  /// Where blocks of keys and values lie from now on: as many as the step plan knows, and one more.
  virtual void use_cache(void* keys_and_values) = 0;

  /// Rows that a step of that many has once it is filled up to a size that there are kernels of.
  [[nodiscard]] virtual int filled_rows(int rows) const = 0;

  /// All layers of a step of `rows` rows (as filled_rows() says) that lies at `step`: the same launches for
  /// any such step.
  virtual void run_layers(const StepView& step, int rows, const AttentionLimits& limits) = 0;

  /// Logits [count, vocab] of the rows that `wanted` (in the device's memory) names; `rows` is the step's.
  /// Valid until the next call.
  virtual const float* run_head(const int* wanted, int count, int rows) = 0;

  /// Tokens for `count` draws from rows first_row .. first_row + row_count - 1 of all wanted, whose logits
  /// are the last.
  virtual void draw(const Draw* draws, int count, int first_row, int row_count, int* drawn) = 0;
};

/// The most rows that the head is run for at once: logits are large.
constexpr int kHeadRows = 512;

struct Device {
  int multiprocessors;
  bool can_overlap;  ///< programmatic dependent launch
};

/// Takes memory for steps of up to `max_rows` rows, which `plan` cuts.
std::unique_ptr<Pass> make_pass(const ModelShape& shape, const Weights& weights, const Cublas& cublas,
                                const StepPlan& plan, int max_rows, const Device& device,
                                cudaStream_t stream);

}  // namespace inkfleet::gpu
