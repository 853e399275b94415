#pragma once

#include <list>
#include <memory>
#include <span>
#include <vector>

#include "model-service/engine/block_pool.hpp"

namespace inkfleet::engine {

/// Remembers which tokens the blocks of past and running sequences hold, so that a new prompt takes the keys
/// and values of its longest known beginning instead of computing them again.
///
/// A tree in which each node is a block and the tokens it holds, under the node of the block before it: a
/// path from the root spells a text (RadixAttention, Zheng et al. 2023, with blocks for edges). The tree
/// holds one reference to each of its blocks; when memory is short, blocks that nothing else uses go, least
/// recently used first.
///
/// What the tree knows of a block must never be written again; more tokens may be added. One thread.
class PrefixCache {
 public:
  /// The pool must outlive the cache.
  PrefixCache(BlockPool& pool, int block_tokens);
  ~PrefixCache();

  /// The longest beginning of `tokens` that is known.
  struct Match {
    std::vector<BlockId> whole;  ///< blocks all of whose tokens match: to be shared
    BlockId partial = -1;  ///< the next block, whose first `partial_tokens` match: to be copied; -1: none
    int partial_tokens = 0;

    [[nodiscard]] int tokens(int block_tokens) const {
      return static_cast<int>(whole.size()) * block_tokens + partial_tokens;
    }
  };

  /// Marks what it finds as used now. The blocks stay until the next call of make_room().
  Match find(std::span<const TokenId> tokens);

  /// Learns that `blocks`, in order, hold `tokens`; the last block may be partly filled.
  void insert(std::span<const TokenId> tokens, std::span<const BlockId> blocks);

  /// Gives up blocks until the pool has `needed` free ones; false, giving up none, when it cannot.
  bool make_room(int needed);

  /// Gives up all that nothing else uses.
  void give_up_idle() { make_room(pool_.available() + idle_blocks()); }

  /// Blocks that make_room() could give up.
  [[nodiscard]] int idle_blocks() const;

 private:
  struct Node {
    Node* parent = nullptr;
    BlockId block = -1;
    std::vector<TokenId> tokens;
    std::vector<std::unique_ptr<Node>> children;
    std::list<Node*>::iterator used;  // into by_use_
  };

  struct Idle {
    int blocks;  ///< that could go
    bool all;    ///< all of them could
  };

  Idle idle_below(const Node& node) const;
  void touch(Node* node);
  Node* add(Node* parent, std::span<const TokenId> tokens, BlockId block);
  void remove(Node* node);
  std::span<const TokenId> next(std::span<const TokenId> tokens, std::size_t begin) const;

  BlockPool& pool_;
  std::size_t block_tokens_;
  Node root_;
  std::list<Node*> by_use_;  // most recently used first; a parent always before its children
};

}  // namespace inkfleet::engine
