#pragma once

#include <cstddef>

#include "model-service/engine/step_model.hpp"
#include "model-service/gpt2/config.hpp"
#include "model-service/gpt2/kv_type.hpp"

namespace inkfleet::gpt2 {

/// The memory of all keys and values: blocks of kBlockTokens positions, each holding every layer, as
/// [layer]{keys of all heads, values of all heads}; kernels/kernels.hpp says what a head's are. Address space
/// is taken at once, memory as blocks are first written.
class KvCache {
 public:
  /// As many blocks as fit into `bytes`. Throws std::runtime_error if those cannot hold one full context.
  KvCache(const Config& config, KvType type, std::size_t bytes);
  ~KvCache();
  KvCache(const KvCache&) = delete;
  KvCache& operator=(const KvCache&) = delete;

  [[nodiscard]] int blocks() const { return blocks_; }
  [[nodiscard]] KvType type() const { return type_; }
  /// Bytes from one block to the next.
  [[nodiscard]] std::ptrdiff_t block_stride() const { return block_stride_; }
  /// A layer's keys and values in block 0, of the cache's type.
  [[nodiscard]] void* keys(int layer) const;
  [[nodiscard]] void* values(int layer) const;

  void copy(engine::BlockId from, engine::BlockId to);
  /// Has the system give the block's memory now rather than at its first use. Keeps what is in it.
  void prepare(engine::BlockId block);

 private:
  KvType type_;
  std::ptrdiff_t layer_keys_;    ///< bytes of a layer's keys in a block
  std::ptrdiff_t layer_values_;  ///< and of its values
  std::ptrdiff_t block_stride_;
  int blocks_ = 0;
  std::size_t mapped_bytes_ = 0;
  std::byte* data_ = nullptr;
};

}  // namespace inkfleet::gpt2
