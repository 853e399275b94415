#pragma once

#include <vector>

#include "model-service/engine/step_model.hpp"

namespace inkfleet::engine {

/// Counts who uses which block of the key-value cache. Blocks that hold a prompt are shared by all its
/// suggestions, so each block carries a reference count and is free again when it drops to zero.
class BlockPool {
 public:
  explicit BlockPool(int blocks);

  [[nodiscard]] int total() const { return static_cast<int>(references_.size()); }
  [[nodiscard]] int available() const { return static_cast<int>(free_.size()); }

  /// Blocks from this one on have never been allocated: what is free again is taken first.
  [[nodiscard]] BlockId first_unused() const { return first_unused_; }

  /// A block with one reference. At least one must be available.
  BlockId allocate();

  /// How many use this block.
  [[nodiscard]] int references(BlockId block) const {
    return references_.at(static_cast<std::size_t>(block));
  }

  void retain(BlockId block);
  void release(BlockId block);

 private:
  std::vector<int> references_;
  std::vector<BlockId> free_;
  BlockId first_unused_ = 0;
};

/// Blocks of one sequence in position order, released when it goes away. The pool must outlive it.
class BlockTable {
 public:
  explicit BlockTable(BlockPool& pool) : pool_(&pool) {}
  BlockTable(BlockTable&& other) noexcept;
  BlockTable& operator=(BlockTable&& other) noexcept;
  ~BlockTable() { clear(); }

  /// Adds blocks of its own until it has `count`. The pool must have them.
  void grow_to(int count);

  /// Takes over another table's blocks, after its own.
  void append(BlockTable&& other);

  /// Adds a block that another table holds too.
  void share(BlockId block);

  void clear();

  [[nodiscard]] const std::vector<BlockId>& ids() const { return ids_; }
  [[nodiscard]] int size() const { return static_cast<int>(ids_.size()); }

 private:
  BlockPool* pool_;
  std::vector<BlockId> ids_;
};

}  // namespace inkfleet::engine
