#pragma once

#include "model-service/gpu/cuda/device.cuh"
#include "model-service/gpu/gpu_abi.h"

namespace inkfleet::gpu {

constexpr int kPlaceThreads = 256;

__device__ inline float number_at(const void* numbers, std::int64_t i, inkfleet_gpu_type type) {
  if (type == INKFLEET_GPU_FP16) return to_float(static_cast<const __half*>(numbers)[i]);
  if (type == INKFLEET_GPU_BF16) return to_float(static_cast<const __nv_bfloat16*>(numbers)[i]);
  return static_cast<const float*>(numbers)[i];
}

/// Where numbers first .. first + count - 1 of a matrix [.., columns] go: converted, to rows that lie `pitch`
/// apart, or, for the weight of a linear, as columns.
struct Placement {
  std::int64_t first;
  std::int64_t count;
  int columns;
  int pitch;
  bool transposed;
};

template <class Out>
__global__ void __launch_bounds__(kPlaceThreads)
    place_numbers(const void* numbers, inkfleet_gpu_type type, Placement to, Out* out) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kPlaceThreads + threadIdx.x;
  if (i >= to.count) return;
  const std::int64_t row = (to.first + i) / to.columns;
  const std::int64_t column = (to.first + i) % to.columns;
  out[to.transposed ? column * to.pitch + row : row * to.pitch + column] =
      from_float<Out>(number_at(numbers, i, type));
}

}  // namespace inkfleet::gpu
