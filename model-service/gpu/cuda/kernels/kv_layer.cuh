#pragma once

#include "model-service/gpu/cuda/device.cuh"

namespace inkfleet::gpu {

/// One layer's keys and values. A block of the cache holds all layers, one after the other, each as keys
/// [heads, block_tokens, head_dim] and then values alike: to copy a block is one copy.
template <class T>
struct KvLayer {
  T* first;                   ///< of block 0
  std::int64_t block_stride;  ///< in numbers
  int heads;
  int head_dim;
  int block_shift;  ///< block_tokens = 1 << block_shift

  __device__ T* key(int block, int head, int offset) const {
    return first + block * block_stride +
           ((static_cast<std::int64_t>(head) << block_shift) + offset) * head_dim;
  }
  __device__ std::int64_t to_value() const {
    return (static_cast<std::int64_t>(heads) << block_shift) * head_dim;
  }

  /// Puts number `column` of a row of queries, keys and values [3, heads, head_dim] where it belongs: into
  /// the cache at `slot` (a block's number times its tokens, and the position in it), or, if it is a query's,
  /// back into its row.
  __device__ void put(T* row, int slot, int column, float value) const {
    const int width = heads * head_dim;
    if (column < width) {
      row[column] = from_float<T>(value);
      return;
    }
    const int in_part = column % width;
    T* place =
        key(slot >> block_shift, in_part / head_dim, slot & ((1 << block_shift) - 1)) + in_part % head_dim;
    place[column < 2 * width ? 0 : to_value()] = from_float<T>(value);
  }
};

constexpr int kAppendThreads = 128;

/// Adds the bias to queries, keys and values qkv [rows, 3 * width]; keys and values go into the cache. One
/// block a row.
template <class T>
__global__ void __launch_bounds__(kAppendThreads)
    append_keys_and_values(T* qkv, const float* bias, const int* slots, KvLayer<T> cache) {
  wait_for_previous();
  let_next_start();
  const int width = 3 * cache.heads * cache.head_dim;
  T* row = qkv + static_cast<std::int64_t>(blockIdx.x) * width;
  for (int i = static_cast<int>(threadIdx.x); i < width; i += kAppendThreads) {
    cache.put(row, slots[blockIdx.x], i, to_float(row[i]) + bias[i]);
  }
}

}  // namespace inkfleet::gpu
