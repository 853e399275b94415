#pragma once

#include "model-service/gpu/cuda/device.cuh"
#include "model-service/gpu/gpu_abi.h"

namespace inkfleet::gpu {

__host__ __device__ inline float activate(float x, inkfleet_gpu_activation activation) {
  switch (activation) {
    case INKFLEET_GPU_RELU:
      return x > 0.0F ? x : 0.0F;
    case INKFLEET_GPU_GELU_ERF:
      return 0.5F * x * (1.0F + erff(x * 0.70710678F));
    case INKFLEET_GPU_GELU_TANH:
      break;
  }
  return 0.5F * x * (1.0F + tanhf(0.79788456F * (x + 0.044715F * x * x * x)));
}

constexpr int kActivationThreads = 256;

/// f [rows, width] = activation(f + bias), kVector numbers a thread. Width is a multiple of kVector.
template <class T>
__global__ void __launch_bounds__(kActivationThreads)
    add_bias_and_activate(T* f, const float* bias, int width, std::int64_t count,
                          inkfleet_gpu_activation activation) {
  wait_for_previous();
  let_next_start();
  const std::int64_t at =
      (static_cast<std::int64_t>(blockIdx.x) * kActivationThreads + threadIdx.x) * kVector;
  if (at >= count) return;
  const int column = static_cast<int>(at % width);
  Vector<T> some{load_vector(f + at)};
  for (int i = 0; i < kVector; ++i) {
    some.numbers[i] = from_float<T>(activate(to_float(some.numbers[i]) + bias[column + i], activation));
  }
  *reinterpret_cast<uint4*>(f + at) = some.packed;
}

}  // namespace inkfleet::gpu
