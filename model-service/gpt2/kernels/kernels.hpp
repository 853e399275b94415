#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

/// What the model computes besides matrix products, on plain float buffers. Every kernel works on one row, or
/// on one head of one sequence, in an order of summation that is fixed: the result for a row depends neither
/// on how many other rows there are nor on the number of threads. It may depend on the instruction set.
namespace inkfleet::gpt2 {

/// Positions in a block of the key-value cache, and keys that attention takes at a time.
inline constexpr int kBlockTokens = 16;

/// Queries of one head that attention takes at a time.
inline constexpr int kRowGroup = 4;

/// Values of a head take this many floats a position, so that vectors never straddle positions.
constexpr int padded_head_dim(int head_dim) {
  return (head_dim + 15) / 16 * 16;
}

/// One head of one slice of a step, in one layer. C = width, D = head dimension.
///
/// A block holds, for one layer, keys [H][D][kBlockTokens] and values [H][kBlockTokens][padded D].
struct AttentionHead {
  const float* qkv;             ///< [rows, 3C]: of the slice's first row
  float* out;                   ///< [rows, C]: of the slice's first row
  std::ptrdiff_t width;         ///< C
  int head;                     ///< which
  int head_dim;                 ///< D
  int rows;                     ///< new positions
  int first_position;           ///< of the first row
  float scale;                  ///< on query times key
  float* keys;                  ///< this layer's and head's keys in block 0
  float* values;                ///< this layer's and head's values in block 0
  std::ptrdiff_t block_stride;  ///< floats from one block to the next
  const std::int32_t* blocks;   ///< of the sequence, in order
  float* scratch;               ///< attention_scratch(context) floats, of this thread alone
};

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
  /// Writes the new keys and values into the cache, then lets each new position attend to all up to itself.
  void (*attend)(const AttentionHead& head);
};

/// The best ones for this machine; decided at the first call.
const Kernels& kernels();

/// All that this machine can run, the best first.
std::vector<const Kernels*> runnable_kernels();

}  // namespace inkfleet::gpt2
