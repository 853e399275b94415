#pragma once

#include <cstddef>

#include "model-service/engine/step_model.hpp"
#include "model-service/gpt2/config.hpp"

namespace inkfleet::gpt2 {

/// The memory of all keys and values: blocks of kBlockTokens positions, each holding every layer, as
/// [layer]{keys [H][D][kBlockTokens], values [H][kBlockTokens][padded D]} in fp32. Address space is taken at
/// once, memory as blocks are first written.
class KvCache {
 public:
  /// As many blocks as fit into `bytes`. Throws std::runtime_error if those cannot hold one full context.
  KvCache(const Config& config, std::size_t bytes);
  ~KvCache();
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  [[nodiscard]] int blocks() const { return blocks_; }
  /// Floats from one block to the next.
  [[nodiscard]] std::ptrdiff_t block_stride() const { return block_stride_; }
  /// Keys [D][kBlockTokens] and values [kBlockTokens][padded D] of a head in block 0.
  [[nodiscard]] float* keys(int layer, int head) const;
  [[nodiscard]] float* values(int layer, int head) const;

  void copy(engine::BlockId from, engine::BlockId to);

 private:
  int heads_;
  std::ptrdiff_t head_keys_;    ///< floats of one head's keys in a block
  std::ptrdiff_t head_values_;  ///< and of its values
  std::ptrdiff_t block_stride_;
  int blocks_ = 0;
  std::size_t mapped_bytes_ = 0;
  float* data_ = nullptr;
};

}  // namespace inkfleet::gpt2
