#pragma once

#include "model-service/gpu/cuda/device.cuh"

namespace inkfleet::gpu {

struct LayerNorm {
  const float* weight;
  const float* bias;
  float epsilon;
};

/// Normalises kRows consecutive rows of x into out [kRows, width], by all threads of a block together. Mean
/// and variance are taken one after the other: their common formula loses digits when the mean is large.
template <int kThreads, int kRows, class T>
__device__ void normalise(const float* x, int width, const LayerNorm& norm, T* out) {
  const int thread = static_cast<int>(threadIdx.x);
  float mean[kRows] = {};
  for (int i = thread; i < width; i += kThreads) {
    for (int r = 0; r < kRows; ++r) mean[r] += x[r * width + i];
  }
  block_sum<kThreads>(mean);
  for (float& m : mean) m /= static_cast<float>(width);

  float scale[kRows] = {};
  for (int i = thread; i < width; i += kThreads) {
    for (int r = 0; r < kRows; ++r) {
      const float from_mean = x[r * width + i] - mean[r];
      scale[r] += from_mean * from_mean;
    }
  }
  block_sum<kThreads>(scale);
  for (float& s : scale) s = rsqrtf(s / static_cast<float>(width) + norm.epsilon);

  for (int i = thread; i < width; i += kThreads) {
    const float weight = norm.weight[i];
    const float bias = norm.bias[i];
    for (int r = 0; r < kRows; ++r) {
      out[r * width + i] = from_float<T>((x[r * width + i] - mean[r]) * scale[r] * weight + bias);
    }
  }
}

constexpr int kNormThreads = 128;

/// Adds to a row of x the bias that the last product left out (null: none), then normalises it into h. One
/// block a row; block i takes row rows[i] (null: i) into row i of h.
template <class T>
__global__ void __launch_bounds__(kNormThreads)
    add_bias_and_normalise(float* x, const float* pending_bias, LayerNorm norm, const int* rows, int width,
                           T* h) {
  wait_for_previous();
  let_next_start();
  const int row = rows == nullptr ? static_cast<int>(blockIdx.x) : rows[blockIdx.x];
  float* from = x + static_cast<std::int64_t>(row) * width;
  if (pending_bias != nullptr) {
    // Each thread reads later what it alone has written here.
    for (int i = static_cast<int>(threadIdx.x); i < width; i += kNormThreads) from[i] += pending_bias[i];
  }
  normalise<kNormThreads, 1>(from, width, norm, h + static_cast<std::int64_t>(blockIdx.x) * width);
}

}  // namespace inkfleet::gpu
