// Attention over the paged cache. An item of work is a range of keys for up to kItemRows rows that all look
// at them: a tile of a prompt's rows, or suggestions behind the same prompt, whose keys are then read once
// for all. A row's items are combined by whichever block ends last (flash decoding).
#pragma once

#include "model-service/gpu/cuda/kernels/kv_layer.cuh"
#include "model-service/gpu/cuda/step_view.hpp"

namespace inkfleet::gpu {

constexpr int kAttentionThreads = 128;
constexpr int kAttentionWarps = kAttentionThreads / kWarp;

/// Blocks launched for each multiprocessor. Registers are held to what lets all run at the same time; heads
/// that need more lanes than kFewestLanes are left the registers of three.
constexpr int kAttentionBlocks = 4;
constexpr int kAttentionBlocksOfWideHeads = 3;

/// Vectors of keys, and of values, that a thread has on their way at the same time.
constexpr int kKeysAhead = 4;

/// Lanes that share a key: each has kVector numbers of it. Heads are at most 256 wide.
constexpr int kFewestLanes = 8;

template <class T>
struct Attention {
  const T* qkv;  ///< [rows, 3 * heads * head_dim], of which the queries are looked at
  T* out;        ///< [rows, heads * head_dim]
  KvLayer<T> cache;
  float scale;
  const AttentionItem* items;
  const int* item_count;
  const int* positions;   ///< of rows
  const RowParts* parts;  ///< of rows
  const int* tables;
  float* part_out;      ///< [parts, heads, head_dim], not divided by part_sums
  float2* part_maxima;  ///< [parts, heads]: the largest score and the sum of 2^(score - it)
  unsigned* complete;   ///< [rows, heads]: parts that are written; 0 between kernels
};

template <int kLanes, int kRows>
struct AttentionShared {
  static constexpr int kKeysAtOnce = kAttentionThreads / kLanes;
  static constexpr int kTile = kKeysAtOnce * kKeysAhead;

  float queries[kRows][kLanes * kVector];
  float scores[kRows][kTile];
  float out[kAttentionWarps][kRows][kLanes * kVector];
  float largest[kRows];
  float sum[kRows];
  float rescale[kRows];
  int last_key[kRows];  ///< that a row may see; -1 for a row that is not there
  bool is_last[kRows];  ///< this block is the last to end a part of the row
};

/// e^x is computed as 2^x of scores that are larger by this.
constexpr float kLog2E = 1.44269504F;

template <int kLanes, int kRows, class T>
__device__ void begin_item(const Attention<T>& a, const AttentionItem& item, int head,
                           AttentionShared<kLanes, kRows>& shared) {
  const int head_dim = a.cache.head_dim;
  const int width = a.cache.heads * head_dim;
  for (int i = static_cast<int>(threadIdx.x); i < kRows * kLanes * kVector; i += kAttentionThreads) {
    const int r = i / (kLanes * kVector);
    const int d = i % (kLanes * kVector);
    const bool exists = r < item.count && d < head_dim;
    const T* query =
        a.qkv + static_cast<std::int64_t>(item.rows[exists ? r : 0]) * 3 * width + head * head_dim;
    shared.queries[r][d] = exists ? to_float(query[d]) * a.scale * kLog2E : 0.0F;
  }
  const int r = static_cast<int>(threadIdx.x);
  if (r < kRows) {
    shared.last_key[r] = r < item.count ? a.positions[item.rows[r]] : -1;
    shared.largest[r] = -INFINITY;
    shared.sum[r] = 0.0F;
  }
  __syncthreads();
}

/// Turns a tile of scores into 2^(score - largest so far), a warp a row.
template <int kLanes, int kRows>
__device__ void exponentiate(AttentionShared<kLanes, kRows>& shared) {
  constexpr int kTile = AttentionShared<kLanes, kRows>::kTile;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (int r = static_cast<int>(threadIdx.x) / kWarp; r < kRows; r += kAttentionWarps) {
    float largest = shared.largest[r];
    const float before = largest;
    for (int i = lane; i < kTile; i += kWarp) largest = fmaxf(largest, shared.scores[r][i]);
    largest = warp_max(largest);
    float sum = 0.0F;
    for (int i = lane; i < kTile; i += kWarp) {
      const float weight = largest == -INFINITY ? 0.0F : exp2f(shared.scores[r][i] - largest);
      shared.scores[r][i] = weight;
      sum += weight;
    }
    sum = warp_sum(sum);
    if (lane == 0) {
      const float rescale = before == -INFINITY ? 0.0F : exp2f(before - largest);
      shared.rescale[r] = rescale;
      shared.sum[r] = shared.sum[r] * rescale + sum;
      shared.largest[r] = largest;
    }
  }
}

/// Attends to all keys of an item; what comes out is the sum of `out` over threads of the same lane.
template <int kLanes, int kRows, class T>
__device__ void attend(const Attention<T>& a, const AttentionItem& item, int head,
                       AttentionShared<kLanes, kRows>& shared, float (&out)[kRows][kVector]) {
  using Shared = AttentionShared<kLanes, kRows>;
  const int lane = static_cast<int>(threadIdx.x) % kLanes;
  const int group = static_cast<int>(threadIdx.x) / kLanes;
  const bool inside = lane * kVector < a.cache.head_dim;
  const int* table = a.tables + item.table;

  for (int begin = item.key_begin; begin < item.key_end; begin += Shared::kTile) {
    Vector<T> keys[kKeysAhead];
    Vector<T> values[kKeysAhead];
#pragma unroll
    for (int i = 0; i < kKeysAhead; ++i) {
      const int key = begin + i * Shared::kKeysAtOnce + group;
      keys[i].packed = values[i].packed = uint4{0, 0, 0, 0};
      if (inside && key < item.key_end) {
        const int offset = key & ((1 << a.cache.block_shift) - 1);
        const T* at = a.cache.key(table[key >> a.cache.block_shift], head, offset) + lane * kVector;
        keys[i].packed = load_vector(at);
        values[i].packed = load_vector(at + a.cache.to_value());
      }
    }
#pragma unroll
    for (int i = 0; i < kKeysAhead; ++i) {
      const int in_tile = i * Shared::kKeysAtOnce + group;
      const int key = begin + in_tile;
#pragma unroll
      for (int r = 0; r < kRows; ++r) {
        float score = 0.0F;
        for (int d = 0; d < kVector; ++d) {
          score += shared.queries[r][lane * kVector + d] * to_float(keys[i].numbers[d]);
        }
        for (int lanes = kLanes / 2; lanes > 0; lanes /= 2) score += __shfl_xor_sync(kAllLanes, score, lanes);
        const bool visible = key < item.key_end && key <= shared.last_key[r];
        if (lane == 0) shared.scores[r][in_tile] = visible ? score : -INFINITY;
      }
    }
    __syncthreads();
    exponentiate(shared);
    __syncthreads();
#pragma unroll
    for (int r = 0; r < kRows; ++r) {
      for (int d = 0; d < kVector; ++d) out[r][d] *= shared.rescale[r];
#pragma unroll
      for (int i = 0; i < kKeysAhead; ++i) {
        const float weight = shared.scores[r][i * Shared::kKeysAtOnce + group];
        for (int d = 0; d < kVector; ++d) out[r][d] += weight * to_float(values[i].numbers[d]);
      }
    }
    __syncthreads();  // before the next tile's scores
  }
}

/// Adds up `out` over the block, and writes rows that this item alone makes, or parts of the others.
template <int kLanes, int kRows, class T>
__device__ void end_item(const Attention<T>& a, const AttentionItem& item, int head,
                         AttentionShared<kLanes, kRows>& shared, float (&out)[kRows][kVector]) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int head_dim = a.cache.head_dim;
  const int heads = a.cache.heads;
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
#pragma unroll
    for (int d = 0; d < kVector; ++d) {
      for (int lanes = kLanes; lanes < kWarp; lanes *= 2)
        out[r][d] += __shfl_xor_sync(kAllLanes, out[r][d], lanes);
      if (lane < kLanes) shared.out[threadIdx.x / kWarp][r][lane * kVector + d] = out[r][d];
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < item.count * head_dim; i += kAttentionThreads) {
    const int r = i / head_dim;
    const int d = i % head_dim;
    const std::int64_t row = item.rows[r];
    const RowParts parts = a.parts[row];
    float sum = 0.0F;
    for (int warp = 0; warp < kAttentionWarps; ++warp) sum += shared.out[warp][r][d];
    const std::int64_t part = static_cast<std::int64_t>(parts.first + item.part) * heads + head;
    if (parts.count == 1) {
      a.out[(row * heads + head) * head_dim + d] = from_float<T>(sum / shared.sum[r]);
    } else {
      a.part_out[part * head_dim + d] = sum;
      if (d == 0) a.part_maxima[part] = float2{shared.largest[r], shared.sum[r]};
    }
  }
}

/// A row of which all parts are written.
template <class T>
__device__ void combine(const Attention<T>& a, std::int64_t row, int head) {
  const int head_dim = a.cache.head_dim;
  const int heads = a.cache.heads;
  const RowParts parts = a.parts[row];
  float largest = -INFINITY;
  for (int p = 0; p < parts.count; ++p) {
    largest =
        fmaxf(largest, __ldcg(&a.part_maxima[static_cast<std::int64_t>(parts.first + p) * heads + head]).x);
  }
  for (int d = static_cast<int>(threadIdx.x); d < head_dim; d += kAttentionThreads) {
    float out = 0.0F;
    float sum = 0.0F;
    for (int p = 0; p < parts.count; ++p) {
      const std::int64_t part = static_cast<std::int64_t>(parts.first + p) * heads + head;
      const float2 maximum = __ldcg(&a.part_maxima[part]);
      const float weight = exp2f(maximum.x - largest);
      out += weight * __ldcg(&a.part_out[part * head_dim + d]);
      sum += weight * maximum.y;
    }
    a.out[(row * heads + head) * head_dim + d] = from_float<T>(out / sum);
  }
}

/// Combines the rows of which this block has written the last part.
template <int kLanes, int kRows, class T>
__device__ void combine_complete_rows(const Attention<T>& a, const AttentionItem& item, int head,
                                      AttentionShared<kLanes, kRows>& shared) {
  __threadfence();  // what this thread has written, before the count that tells of it
  __syncthreads();
  const int r = static_cast<int>(threadIdx.x);
  if (r < kRows) {
    shared.is_last[r] = false;
    if (r < item.count && a.parts[item.rows[r]].count > 1) {
      unsigned* const complete = &a.complete[static_cast<std::int64_t>(item.rows[r]) * a.cache.heads + head];
      shared.is_last[r] = atomicAdd(complete, 1U) + 1U == static_cast<unsigned>(a.parts[item.rows[r]].count);
      if (shared.is_last[r]) *complete = 0;
    }
    __threadfence();
  }
  __syncthreads();
  for (int i = 0; i < item.count; ++i) {
    if (shared.is_last[i]) combine(a, item.rows[i], head);
  }
  __syncthreads();  // before the next item's use of what is shared
}

template <int kLanes, int kRows, class T>
__device__ void attend_to_item(const Attention<T>& a, const AttentionItem& item, int head, void* memory) {
  auto& shared = *static_cast<AttentionShared<kLanes, kRows>*>(memory);
  begin_item(a, item, head, shared);
  float out[kRows][kVector] = {};
  attend(a, item, head, shared, out);
  end_item(a, item, head, shared, out);
  combine_complete_rows(a, item, head, shared);
}

/// Brings an item's first tile of keys and values near: all but the newest are there before this step's are.
template <int kLanes, class T>
__device__ void prefetch_item(const Attention<T>& a, const AttentionItem& item, int head) {
  const int key = item.key_begin + static_cast<int>(threadIdx.x) / 2;
  if (key >= item.key_end || key - item.key_begin >= AttentionShared<kLanes, 1>::kTile) return;
  const int block = a.tables[item.table + (key >> a.cache.block_shift)];
  const T* const at = a.cache.key(block, head, key & ((1 << a.cache.block_shift) - 1));
  prefetch(threadIdx.x % 2 == 0 ? at : at + a.cache.to_value());
}

/// Blocks share out items times heads; how many items there are is known on the device alone, so that one
/// graph serves any step.
template <int kLanes, class T>
__global__ void __launch_bounds__(kAttentionThreads,
                                  kLanes == kFewestLanes ? kAttentionBlocks : kAttentionBlocksOfWideHeads)
    attention(Attention<T> a) {
  __shared__ uint4 memory[sizeof(AttentionShared<kLanes, kItemRows>) / sizeof(uint4) + 1];
  const int work = *a.item_count * a.cache.heads;
  const int first = static_cast<int>(blockIdx.x);
  if (first < work) prefetch_item<kLanes>(a, a.items[first / a.cache.heads], first % a.cache.heads);
  wait_for_previous();
  let_next_start();
  for (int i = first; i < work; i += static_cast<int>(gridDim.x)) {
    const AttentionItem& item = a.items[i / a.cache.heads];
    const int head = i % a.cache.heads;
    if (item.count == 1) {
      attend_to_item<kLanes, 1>(a, item, head, memory);
    } else {
      attend_to_item<kLanes, kItemRows>(a, item, head, memory);
    }
  }
}

}  // namespace inkfleet::gpu
