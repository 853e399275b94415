// engine::Sampler on the device, without sorting the vocabulary: how far down top_k and top_p reach is found
// by histograms of the logits' bits, each of a part of the one before. A block draws one token.
//
// The same token as the sampler's for the same logits, but for a uniform within rounding (some 1e-15) of a
// bound between two tokens: sums are in double over ids in ascending order, but in another order of
// additions.
#pragma once

#include "model-service/gpu/cuda/device.cuh"
#include "model-service/gpu/cuda/step_view.hpp"

namespace inkfleet::gpu {

constexpr int kSampleThreads = 512;
constexpr int kSampleWarps = kSampleThreads / kWarp;
constexpr int kBinBits = 10;
constexpr int kBins = 1 << kBinBits;
constexpr int kBinsOfWarp = kBins / kSampleWarps;

/// Logits that a thread loads at once, and how many such loads it has on their way at the same time: a row is
/// gone through six or seven times, each bound by how long a load takes.
constexpr int kLogitsOfLoad = 4;
constexpr int kLoadsAhead = 5;

/// What amounts of probability are whole multiples of, so that their sums do not depend on an order.
constexpr double kUnitsOfProbability = 4611686018427387904.0;  // 2^62

/// Orders as the logits do. Adding 0 makes one zero of both.
__device__ inline std::uint32_t key_of(float logit) {
  const std::uint32_t bits = __float_as_uint(logit + 0.0F);
  return (bits & 0x80000000U) != 0 ? ~bits : bits | 0x80000000U;
}
__device__ inline float logit_of(std::uint32_t key) {
  return __uint_as_float((key & 0x80000000U) != 0 ? key & 0x7fffffffU : ~key);
}

/// Tokens that top_k and top_p leave: all above a key, and of those that equal it the first by id.
struct Kept {
  std::uint32_t limit = 0;  ///< of no logit
  int last_tie = -1;        ///< the highest id that is kept of those that equal it

  __device__ bool has(std::uint32_t key, int id) const {
    return key > limit || (key == limit && id <= last_tie);
  }
};

/// A sum of 64 bits in two halves: to add to one of them in shared memory is one instruction, while for a
/// whole it is a loop, and nearly all threads add to the same few bins.
struct Bin {
  unsigned low, high;

  __device__ unsigned long long sum() const { return static_cast<unsigned long long>(high) << 32 | low; }
  __device__ void add(unsigned long long amount) {
    const auto part = static_cast<unsigned>(amount);
    const unsigned carry = part > ~atomicAdd(&low, part) ? 1 : 0;
    const unsigned rest = static_cast<unsigned>(amount >> 32) + carry;
    if (rest != 0) atomicAdd(&high, rest);
  }
};

struct SamplingShared {
  Bin bins[kBins];
  unsigned long long of_warps[kSampleWarps];
  double sums[kSampleWarps];  ///< of weights, over each warp's stretch of the vocabulary
  unsigned long long best;    ///< key and ~id of the best token
  std::uint32_t lowest;       ///< key
  int bin;
  unsigned long long above;  ///< amount in the bins above
  int tie;
};

struct Row {
  const float* logits;  ///< 16 bytes aligned, with room for a whole load at the end
  int vocab;
  double peak;
  double temperature;

  __device__ double weight(float logit) const {
    return exp((static_cast<double>(logit) - peak) / temperature);
  }
  /// Ids of a warp's stretch of the vocabulary: whole warps of them.
  __device__ int stretch() const { return (vocab + kSampleThreads - 1) / kSampleThreads * kWarp; }
  __device__ int end_of(int warp) const {
    const int end = (warp + 1) * stretch();
    return end < vocab ? end : vocab;
  }
};

__device__ inline unsigned long long larger(unsigned long long a, unsigned long long b) {
  return a > b ? a : b;
}

/// use(id, logit) for all of a row, by all threads of a block together, in any order.
template <class Use>
__device__ void for_each_logit(const float* logits, int vocab, const Use& use) {
  constexpr int kStride = kSampleThreads * kLogitsOfLoad;
  for (int from = static_cast<int>(threadIdx.x) * kLogitsOfLoad; from < vocab;
       from += kLoadsAhead * kStride) {
    float4 loaded[kLoadsAhead];
#pragma unroll
    for (int i = 0; i < kLoadsAhead; ++i) {
      const int id = from + i * kStride;
      if (id < vocab) loaded[i] = *reinterpret_cast<const float4*>(logits + id);
    }
#pragma unroll
    for (int i = 0; i < kLoadsAhead; ++i) {
      const int id = from + i * kStride;
      if (id < vocab) use(id, loaded[i].x);
      if (id + 1 < vocab) use(id + 1, loaded[i].y);
      if (id + 2 < vocab) use(id + 2, loaded[i].z);
      if (id + 3 < vocab) use(id + 3, loaded[i].w);
    }
  }
}

/// Leaves the best and the lowest of a row in `shared`.
__device__ inline void find_extremes(const float* logits, int vocab, SamplingShared& shared) {
  const int thread = static_cast<int>(threadIdx.x);
  unsigned long long best = 0;
  std::uint32_t lowest = 0xffffffffU;
  for_each_logit(logits, vocab, [&](int id, float logit) {
    const std::uint32_t key = key_of(logit);
    best = larger(best, static_cast<unsigned long long>(key) << 32 | ~static_cast<std::uint32_t>(id));
    lowest = key < lowest ? key : lowest;
  });
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) {
    best = larger(best, __shfl_xor_sync(kAllLanes, best, lanes));
    const std::uint32_t other = __shfl_xor_sync(kAllLanes, lowest, lanes);
    lowest = other < lowest ? other : lowest;
  }
  if (thread == 0) {
    shared.best = 0;
    shared.lowest = 0xffffffffU;
  }
  __syncthreads();
  if (thread % kWarp == 0) {
    atomicMax(&shared.best, best);
    atomicMin(&shared.lowest, lowest);
  }
  __syncthreads();
}

/// By one warp: the highest lane at which the sums from lane 31 down reach `needed`, -1 if none does; *above
/// is the sum of the lanes over it, or of all.
__device__ inline int lane_that_reaches(unsigned long long value, unsigned long long needed,
                                        unsigned long long* above) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  unsigned long long sum = value;
  for (int lanes = 1; lanes < kWarp; lanes *= 2) {
    const unsigned long long other = __shfl_down_sync(kAllLanes, sum, lanes);
    if (lane + lanes < kWarp) sum += other;
  }
  const unsigned reached = __ballot_sync(kAllLanes, sum >= needed);
  const int found = kWarp - 1 - __clz(static_cast<int>(reached));
  const unsigned long long all = __shfl_sync(kAllLanes, sum, 0);
  const unsigned long long over = __shfl_sync(kAllLanes, sum - value, found < 0 ? 0 : found);
  *above = found < 0 ? all : over;
  return found;
}

/// Leaves in `shared` the bin, from the highest down, with which the amounts reach `needed`, and the amount
/// above it; bin -1 when they do not.
__device__ inline void find_bin(unsigned long long needed, SamplingShared& shared) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  unsigned long long sum = 0;
  for (int i = lane; i < kBinsOfWarp; i += kWarp) sum += shared.bins[warp * kBinsOfWarp + i].sum();
  sum = warp_sum(sum);
  if (lane == 0) shared.of_warps[warp] = sum;
  __syncthreads();
  if (warp == 0) {
    unsigned long long above = 0;
    const int part = lane_that_reaches(lane < kSampleWarps ? shared.of_warps[lane] : 0, needed, &above);
    int bin = -1;
    for (int from = kBinsOfWarp - kWarp; part >= 0 && bin < 0 && from >= 0; from -= kWarp) {
      const int first = part * kBinsOfWarp + from;
      unsigned long long over = 0;
      const int found = lane_that_reaches(shared.bins[first + lane].sum(), needed - above, &over);
      above += over;
      if (found >= 0) bin = first + found;
    }
    if (lane == 0) {
      shared.bin = bin;
      shared.above = above;
    }
  }
  __syncthreads();
}

/// The id of the `count`th token, in ascending id, whose key it is. By one warp.
__device__ inline int find_tie(const Row& row, std::uint32_t key, unsigned long long count) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (int from = 0; from < row.vocab; from += kWarp) {
    const int id = from + lane;
    unsigned ties = __ballot_sync(kAllLanes, id < row.vocab && key_of(row.logits[id]) == key);
    const auto here = static_cast<unsigned long long>(__popc(ties));
    if (here < count) {
      count -= here;
      continue;
    }
    for (; count > 1; --count) ties &= ties - 1;
    return from + __ffs(static_cast<int>(ties)) - 1;
  }
  return row.vocab - 1;
}

/// Of `kept`, the best whose amounts together reach `needed`. `amount(logit)` is the same for equal logits.
template <class Amount>
__device__ Kept keep_best(const Row& row, Kept kept, unsigned long long needed, const Amount& amount,
                          SamplingShared& shared) {
  const int thread = static_cast<int>(threadIdx.x);
  std::uint32_t low = shared.lowest;
  std::uint32_t high = static_cast<std::uint32_t>(shared.best >> 32);
  for (;;) {
    const int bits = 32 - __clz(static_cast<int>(high - low));
    const int shift = bits > kBinBits ? bits - kBinBits : 0;
    for (int i = thread; i < kBins; i += kSampleThreads) shared.bins[i] = {0, 0};
    __syncthreads();
    for_each_logit(row.logits, row.vocab, [&](int id, float logit) {
      const std::uint32_t key = key_of(logit);
      if (key >= low && key <= high && kept.has(key, id))
        shared.bins[(key - low) >> shift].add(amount(logit));
    });
    __syncthreads();
    find_bin(needed, shared);
    const int bin = shared.bin;
    if (bin < 0) return kept;  // all together do not reach it, for rounding
    const unsigned long long above = shared.above;
    const unsigned long long inside = shared.bins[bin].sum();
    __syncthreads();  // before the next round's bins
    low += static_cast<std::uint32_t>(bin) << shift;
    if (shift > 0 && above + inside == needed) return low > kept.limit ? Kept{low - 1, -1} : kept;
    if (shift > 0) {
      const std::uint32_t end = low + ((1U << shift) - 1);
      high = end < high ? end : high;
      needed -= above;
      continue;
    }
    const unsigned long long one = amount(logit_of(low));
    const unsigned long long ties = (needed - above + one - 1) / one;
    if (ties * one >= inside) return {low, low == kept.limit ? kept.last_tie : row.vocab};
    if (thread < kWarp) {
      const int tie = find_tie(row, low, ties);
      if (thread == 0) shared.tie = tie;
    }
    __syncthreads();
    return {low, shared.tie};
  }
}

/// use(first, logit) in each lane for the ids first .. first + 31 of a warp's stretch, in ascending order,
/// until it returns true in all of them; where first + lane is beyond the stretch, the logit is some other.
/// By one warp.
template <class Use>
__device__ void for_each_of_stretch(const Row& row, int warp, const Use& use) {
  constexpr int kAhead = 8;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int end = row.end_of(warp);
  for (int from = warp * row.stretch(); from < end; from += kAhead * kWarp) {
    float loaded[kAhead];
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      const int id = from + i * kWarp + lane;
      loaded[i] = row.logits[id < end ? id : 0];
    }
#pragma unroll
    for (int i = 0; i < kAhead; ++i) {
      if (from + i * kWarp >= end || use(from + i * kWarp, loaded[i])) return;
    }
  }
}

/// The sum of what is kept; leaves each warp's in `shared`.
__device__ inline double weigh(const Row& row, Kept kept, SamplingShared& shared) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int end = row.end_of(warp);
  double sum = 0.0;
  for_each_of_stretch(row, warp, [&](int first, float logit) {
    if (first + lane < end && kept.has(key_of(logit), first + lane)) sum += row.weight(logit);
    return false;
  });
  sum = warp_sum(sum);
  __syncthreads();  // who still reads the last sums
  if (lane == 0) shared.sums[warp] = sum;
  __syncthreads();
  double total = 0.0;
  for (const double of_warp : shared.sums) total += of_warp;
  return total;
}

/// The first token, in ascending id, with which the weights exceed `target`; rounding may leave none: then
/// the last that can be drawn at all. By one warp, when `shared.sums` are those of `kept`.
__device__ inline int draw_token(const Row& row, Kept kept, double target, const SamplingShared& shared) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  int stretch = 0;
  double before = 0.0;
  double sum = 0.0;
  for (int i = 0; i < kSampleWarps && sum <= target; ++i) {
    if (shared.sums[i] == 0.0) continue;
    stretch = i;
    before = sum;
    sum += shared.sums[i];
  }
  const int end = row.end_of(stretch);
  int token = 0;
  for_each_of_stretch(row, stretch, [&](int first, float logit) {
    const bool is_kept = first + lane < end && kept.has(key_of(logit), first + lane);
    if (__ballot_sync(kAllLanes, is_kept) == 0) return false;
    const double weight = is_kept ? row.weight(logit) : 0.0;
    double up_to = weight;
    for (int lanes = 1; lanes < kWarp; lanes *= 2) {
      const double other = __shfl_up_sync(kAllLanes, up_to, lanes);
      if (lane >= lanes) up_to += other;
    }
    const unsigned exceeds = __ballot_sync(kAllLanes, weight > 0.0 && before + up_to > target);
    const unsigned drawable = __ballot_sync(kAllLanes, weight > 0.0);
    if (exceeds != 0) {
      token = first + __ffs(static_cast<int>(exceeds)) - 1;
    } else if (drawable != 0) {
      token = first + kWarp - 1 - __clz(static_cast<int>(drawable));
    }
    before += __shfl_sync(kAllLanes, up_to, kWarp - 1);
    return exceeds != 0;
  });
  return token;
}

/// One block a draw. `logits` [row_count, stride] are those of rows first_row and on, stride a multiple of
/// kLogitsOfLoad; draws of other rows are left alone. Where a logit is no number, -1 is drawn.
__global__ void __launch_bounds__(kSampleThreads)
    sample(const float* logits, int stride, int vocab, const Draw* draws, int first_row, int row_count,
           int* drawn) {
  __shared__ SamplingShared shared;
  wait_for_previous();
  const Draw draw = draws[blockIdx.x];
  if (draw.row < first_row || draw.row >= first_row + row_count) return;
  const float* const of_row = logits + static_cast<std::int64_t>(draw.row - first_row) * stride;
  find_extremes(of_row, vocab, shared);
  const auto best = static_cast<int>(~static_cast<std::uint32_t>(shared.best));
  int token = best;
  if (shared.lowest < key_of(-INFINITY) || shared.best >> 32 > key_of(INFINITY)) {
    token = -1;
  } else if (draw.temperature > 0.0) {
    const Row row{of_row, vocab, static_cast<double>(of_row[best]), draw.temperature};
    Kept kept;
    if (draw.top_k > 0 && draw.top_k < vocab) {
      kept = keep_best(
          row, kept, static_cast<unsigned long long>(draw.top_k), [](float /*logit*/) { return 1ULL; },
          shared);
    }
    double total = weigh(row, kept, shared);
    if (draw.top_p > 0.0 && draw.top_p < 1.0) {
      const double units = kUnitsOfProbability / total;
      const double needed = ceil(draw.top_p * kUnitsOfProbability);
      kept = keep_best(
          row, kept, static_cast<unsigned long long>(needed),
          [&row, units](float logit) {
            return static_cast<unsigned long long>(row.weight(logit) * units + 0.5);
          },
          shared);
      total = weigh(row, kept, shared);
    }
    if (threadIdx.x < kWarp) token = draw_token(row, kept, draw.uniform * total, shared);
  }
  if (threadIdx.x == 0) drawn[blockIdx.x] = token;
}

}  // namespace inkfleet::gpu
