#pragma once

#include <cstdint>
#include <span>

#include "model-service/engine/draw.hpp"
#include "proto/frames.hpp"

namespace inkfleet::engine {

using proto::TokenId;

/// A block of the key-value cache: room for `ModelShape::block_tokens` consecutive positions of one sequence,
/// in all layers. Blocks are numbered 0 to `kv_blocks` - 1.
using BlockId = std::int32_t;

struct ModelShape {
  int vocab_size = 0;
  int context_length = 0;  ///< positions a sequence can have
  int block_tokens = 0;    ///< positions in a cache block
  int kv_blocks = 0;       ///< blocks in the cache
  TokenId end_of_text = 0;
};

/// Consecutive new tokens of one sequence in a step. A decode step feeds one token of each sequence, a
/// prefill chunk many of one.
struct StepSlice {
  std::span<const TokenId> tokens;  ///< at least one
  int first_position = 0;           ///< of tokens[0]; all positions before it are in the cache already
  std::span<const BlockId> blocks;  ///< covers positions 0 to first_position + tokens.size() - 1, in order
  bool wants_logits = false;        ///< of the position after the last token
  /// All that will be drawn from those logits: the model may draw them itself. Empty: only the host can.
  std::span<const Draw> draws;
};

/// What a step came to, valid until the model's next one. A model that cannot draw gives logits alone; one
/// that can gives a token for each draw instead of the logits it is from.
struct StepResult {
  std::span<const float> logits;   ///< [S, V] of the slices that want them and were not drawn from, in order
  std::span<const TokenId> drawn;  ///< of all slices' draws, in order; or none at all
};

/// A model that runs one step over any number of sequences at once: what the scheduler drives. The real one
/// is gpt2::CpuModel; tests have their own. Used by one thread only.
class StepModel {
 public:
  virtual ~StepModel() = default;

  [[nodiscard]] virtual const ModelShape& shape() const = 0;

  /// Feeds every slice, writes its keys and values into its blocks, and returns what the slices that want
  /// logits came to. Slices may share blocks that lie wholly before their first position. Throws
  /// std::exception when the device fails.
  virtual StepResult step(std::span<const StepSlice> slices) = 0;

  /// Copies keys and values of a whole block.
  virtual void copy_block(BlockId from, BlockId to) = 0;

  /// Asks the system for the memory of a block that nobody has used yet: at its first use, in the middle of a
  /// step, that takes long. Called while there is nothing else to do.
  virtual void prepare_block(BlockId /*block*/) {}
};

}  // namespace inkfleet::engine
