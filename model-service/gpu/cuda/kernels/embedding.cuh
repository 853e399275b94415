#pragma once

#include "model-service/gpu/cuda/device.cuh"

namespace inkfleet::gpu {

/// x [rows, width] = wte[token] + wpe[position]. One block a row.
template <class T>
__global__ void embed(const int* tokens, const int* positions, const T* wte, const T* wpe, int width,
                      float* x) {
  wait_for_previous();
  let_next_start();
  const int row = static_cast<int>(blockIdx.x);
  const T* token = wte + static_cast<std::int64_t>(tokens[row]) * width;
  const T* position = wpe + static_cast<std::int64_t>(positions[row]) * width;
  for (int i = static_cast<int>(threadIdx.x); i < width; i += static_cast<int>(blockDim.x)) {
    x[static_cast<std::int64_t>(row) * width + i] = to_float(token[i]) + to_float(position[i]);
  }
}

}  // namespace inkfleet::gpu
