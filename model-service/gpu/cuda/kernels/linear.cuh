// Products with few rows: bound by how fast the weights come from memory, so they are read once, 16 bytes at
// a time, each warp a column, and what comes before and after a product (layer norm, bias, activation,
// residual) is part of it.
#pragma once

#include "model-service/gpu/cuda/kernels/activation.cuh"
#include "model-service/gpu/cuda/kernels/kv_layer.cuh"
#include "model-service/gpu/cuda/kernels/layer_norm.cuh"

namespace inkfleet::gpu {

constexpr int kLinearThreads = 128;
constexpr int kLinearWarps = kLinearThreads / kWarp;

/// The most rows, and the most bytes of normalised rows that a block may keep.
constexpr int kFewRows = 8;
constexpr int kNormalisedBytes = 48 * 1024 - 1024;

/// Columns of a warp: with two, rows are unpacked half as often.
__host__ __device__ constexpr int columns_of_warp(int rows) {
  return rows >= 4 ? 2 : 1;
}

/// The rows of a product as they lie in memory.
template <class T>
struct Rows {
  const T* h;

  template <int kRows>
  __device__ const T* prepare(int /*width*/) const {
    return h;
  }
};

/// The rows of a product from the residual stream, normalised by each block for itself, in dynamic shared
/// memory.
template <class T>
struct NormalisedRows {
  const float* x;
  LayerNorm norm;

  template <int kRows>
  __device__ const T* prepare(int width) const {
    T* const h = static_cast<T*>(dynamic_shared());
    normalise<kLinearThreads, kRows>(x, width, norm, h);
    __syncthreads();
    return h;
  }
};

template <class T>
struct PutKeysAndValues {
  T* qkv;
  const float* bias;
  const int* slots;
  KvLayer<T> cache;

  __device__ void operator()(int row, int column, int columns, float sum) const {
    cache.put(qkv + static_cast<std::int64_t>(row) * columns, slots[row], column, sum + bias[column]);
  }
};

struct AddToResidual {
  float* x;
  const float* bias;

  __device__ void operator()(int row, int column, int columns, float sum) const {
    x[static_cast<std::int64_t>(row) * columns + column] += sum + bias[column];
  }
};

template <class T>
struct Activate {
  T* f;
  const float* bias;
  inkfleet_gpu_activation activation;

  __device__ void operator()(int row, int column, int columns, float sum) const {
    f[static_cast<std::int64_t>(row) * columns + column] =
        from_float<T>(activate(sum + bias[column], activation));
  }
};

struct PutLogits {
  float* logits;

  __device__ void operator()(int row, int column, int columns, float sum) const {
    logits[static_cast<std::int64_t>(row) * columns + column] = sum;
  }
};

/// output(row, column, sum) for kRows rows [kRows, in] times weights [out, in]. `in` is a multiple of
/// kVector.
template <int kRows, class T, class Input, class Output>
__global__ void __launch_bounds__(kLinearThreads)
    few_rows_linear(const T* weights, int in, int out, Input input, Output output) {
  constexpr int kColumns = columns_of_warp(kRows);
  constexpr int kAhead = 4;  // vectors of a column that are on their way at the same time
  constexpr int kStride = kWarp * kVector;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int column =
      (static_cast<int>(blockIdx.x) * kLinearWarps + static_cast<int>(threadIdx.x) / kWarp) * kColumns;
  const T* const first = weights + static_cast<std::int64_t>(column) * in;

  uint4 loaded[kColumns][kAhead];
  const auto load = [&](int i, int k) {
#pragma unroll
    for (int c = 0; c < kColumns; ++c) {
      const bool exists = column + c < out && k < in;
      loaded[c][i] =
          exists ? stream_vector(first + static_cast<std::int64_t>(c) * in + k) : uint4{0, 0, 0, 0};
    }
  };
#pragma unroll
  for (int i = 0; i < kAhead; ++i) load(i, i * kStride + lane * kVector);
  // So far: weights do not wait for what the kernel before computes.
  wait_for_previous();
  let_next_start();
  const T* const rows = input.template prepare<kRows>(in);

  float sums[kColumns][kRows] = {};
  for (int from = 0; from < in; from += kAhead * kStride) {
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int k = from + i * kStride + lane * kVector;
      if (k >= in) break;
      float w[kColumns][kVector];
#pragma unroll
      for (int c = 0; c < kColumns; ++c) {
        const Vector<T> some{loaded[c][i]};
        for (int j = 0; j < kVector; ++j) w[c][j] = to_float(some.numbers[j]);
      }
      load(i, k + kAhead * kStride);  // so that as many are on their way all the time
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        const Vector<T> some{load_vector(rows + r * in + k)};
#pragma unroll
        for (int j = 0; j < kVector; ++j) {
          const float number = to_float(some.numbers[j]);
#pragma unroll
          for (int c = 0; c < kColumns; ++c) sums[c][r] += number * w[c][j];
        }
      }
    }
  }
#pragma unroll
  for (int c = 0; c < kColumns; ++c) {
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      const float sum = warp_sum(sums[c][r]);
      if (lane == r && column + c < out) output(r, column + c, out, sum);
    }
  }
}

}  // namespace inkfleet::gpu
