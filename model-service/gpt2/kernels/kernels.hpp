#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model-service/gpt2/kv_type.hpp"

/// What the model computes besides matrix products, on plain float buffers. Every kernel works on one row, or
/// on one head of one sequence, in an order of summation that is fixed: the result for a row depends neither
/// on how many other rows there are nor on the number of threads. It may depend on the instruction set.
namespace inkfleet::gpt2 {

/// Positions in a block of the key-value cache, and keys that attention takes at a time.
inline constexpr int kBlockTokens = 16;

/// Queries of one head that attention takes at a time, at most.
inline constexpr int kRowGroup = 8;

/// Dimensions of a query that lie side by side while it is scored.
inline constexpr int kQueryChunk = 64;

/// Values of a head take this many floats a position, so that vectors never straddle positions.
constexpr int padded_head_dim(int head_dim) {
  return (head_dim + 15) / 16 * 16;
}

/// Bytes of a head's keys of one block: [D][kBlockTokens], in 8 bits followed by their scales, floats
/// [kBlockTokens].
constexpr std::ptrdiff_t head_key_bytes(KvType type, int head_dim) {
  const std::ptrdiff_t elements = std::ptrdiff_t{kBlockTokens} * head_dim;
  if (type == KvType::kInt8) return elements + std::ptrdiff_t{kBlockTokens} * 4;
  return elements * (type == KvType::kFp16 ? 2 : 4);
}

/// And of its values: [kBlockTokens][padded D], in 8 bits followed by their scales.
constexpr std::ptrdiff_t head_value_bytes(KvType type, int head_dim) {
  return head_key_bytes(type, padded_head_dim(head_dim));
}

/// A new position of a sequence.
struct AttentionRow {
  std::ptrdiff_t row;          ///< of the step's matrices
  int position;                ///< it attends to all positions up to itself
  const std::int32_t* blocks;  ///< of its sequence, in order, covering `position`
};

/// Rows that attend together: consecutive positions of one sequence, or one row each of several sequences.
/// Which rows attend together makes no difference to any of them.
struct AttentionGroup {
  const AttentionRow* rows;
  int count;
  int shared_blocks;  ///< that all tables begin with; rows of other sequences must not write into these
};

/// A step's attention in one layer. C = width, D = head dimension.
///
/// A block holds, for one layer, the keys of all heads and then their values: head_key_bytes(),
/// head_value_bytes().
struct AttentionLayer {
  const float* qkv;             ///< [rows, 3C]
  float* out;                   ///< [rows, C]
  std::ptrdiff_t width;         ///< C
  int head_dim;                 ///< D
  float scale;                  ///< on query times key
  void* keys;                   ///< this layer's in block 0
  void* values;                 ///< this layer's in block 0
  std::ptrdiff_t block_stride;  ///< bytes from one block to the next
};

/// Writes the new keys and values of one head into the cache, then lets each row attend. `scratch` is
/// attention_scratch(context, D) floats of this thread alone.
using Attend = void (*)(const AttentionLayer& layer, const AttentionGroup& group, int head, float* scratch);

constexpr std::size_t query_scratch(int head_dim) {
  const int chunks = (head_dim + kQueryChunk - 1) / kQueryChunk;
  return static_cast<std::size_t>(kRowGroup) * static_cast<std::size_t>(chunks) * kQueryChunk;
}

/// Floats of scratch that attention over up to `context` positions and heads up to `head_dim` wide needs.
std::size_t attention_scratch(int context, int head_dim);

/// The kernels, compiled for one instruction set.
struct Kernels {
  const char* instruction_set;

  /// out = normalised(x) * weight + bias, over `width` floats.
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float epsilon, int width,
                     float* out);
  /// x += y.
  void (*add)(float* x, const float* y, int width);
  void (*gelu_tanh)(float* x, int width);
  void (*gelu_erf)(float* x, int width);
  void (*relu)(float* x, int width);
  Attend attend_fp32;
  Attend attend_fp16;
  Attend attend_int8;
  /// To halves and back; `count` is a multiple of 16.
  void (*to_half)(const float* from, std::uint16_t* to, int count);
  void (*from_half)(const std::uint16_t* from, float* to, int count);

  [[nodiscard]] Attend attend(KvType type) const {
    if (type == KvType::kInt8) return attend_int8;
    return type == KvType::kFp16 ? attend_fp16 : attend_fp32;
  }
};

/// The best ones for this machine; decided at the first call.
const Kernels& kernels();

/// All that this machine can run, the best first.
std::vector<const Kernels*> runnable_kernels();

}  // namespace inkfleet::gpt2
