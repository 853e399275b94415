#include "model-service/engine/block_pool.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace inkfleet::engine {

BlockPool::BlockPool(int blocks) : references_(static_cast<std::size_t>(blocks), 0) {
  free_.reserve(references_.size());
  for (BlockId block = blocks - 1; block >= 0; --block) free_.push_back(block);
}

BlockId BlockPool::allocate() {
  assert(!free_.empty());
  const BlockId block = free_.back();
  free_.pop_back();
  references_[static_cast<std::size_t>(block)] = 1;
  first_unused_ = std::max(first_unused_, block + 1);
  return block;
}

void BlockPool::retain(BlockId block) {
  auto& references = references_.at(static_cast<std::size_t>(block));
  assert(references > 0);
  ++references;
}

void BlockPool::release(BlockId block) {
  auto& references = references_.at(static_cast<std::size_t>(block));
  assert(references > 0);
  if (--references == 0) free_.push_back(block);
}

BlockTable::BlockTable(BlockTable&& other) noexcept
    : pool_(other.pool_), ids_(std::exchange(other.ids_, {})) {}

BlockTable& BlockTable::operator=(BlockTable&& other) noexcept {
  if (this != &other) {
    clear();
    pool_ = other.pool_;
    ids_ = std::exchange(other.ids_, {});
  }
  return *this;
}

void BlockTable::grow_to(int count) {
  while (size() < count) ids_.push_back(pool_->allocate());
}

void BlockTable::append(BlockTable&& other) {
  ids_.insert(ids_.end(), other.ids_.begin(), other.ids_.end());
  other.ids_.clear();
}

void BlockTable::share(BlockId block) {
  pool_->retain(block);
  ids_.push_back(block);
}

void BlockTable::clear() {
  for (const BlockId block : ids_) pool_->release(block);
  ids_.clear();
}

}  // namespace inkfleet::engine
