#include "model-service/engine/prefix_cache.hpp"

#include <algorithm>

namespace inkfleet::engine {
namespace {

std::size_t common_prefix(std::span<const TokenId> a, std::span<const TokenId> b) {
  const auto size = std::min(a.size(), b.size());
  const auto first = a.first(size);
  return static_cast<std::size_t>(std::mismatch(first.begin(), first.end(), b.begin()).first - first.begin());
}

}  // namespace

PrefixCache::PrefixCache(BlockPool& pool, int block_tokens)
    : pool_(pool), block_tokens_(static_cast<std::size_t>(block_tokens)) {}

PrefixCache::~PrefixCache() {
  for (const auto* node : by_use_) pool_.release(node->block);
}

PrefixCache::Match PrefixCache::find(std::span<const TokenId> tokens) {
  Match match;
  Node* node = &root_;
  for (std::size_t begin = 0; begin < tokens.size(); begin += block_tokens_) {
    const auto wanted = next(tokens, begin);
    Node* best = nullptr;
    std::size_t longest = 0;
    for (const auto& child : node->children) {
      const auto common = common_prefix(child->tokens, wanted);
      if (common > longest) {
        longest = common;
        best = child.get();
      }
    }
    if (best == nullptr) break;
    node = best;
    if (longest < block_tokens_) {
      match.partial = best->block;
      match.partial_tokens = static_cast<int>(longest);
      break;
    }
    match.whole.push_back(best->block);
  }
  touch(node);
  return match;
}

void PrefixCache::insert(std::span<const TokenId> tokens, std::span<const BlockId> blocks) {
  Node* node = &root_;
  for (std::size_t begin = 0; begin < tokens.size(); begin += block_tokens_) {
    const auto held = next(tokens, begin);
    const auto same = std::find_if(node->children.begin(), node->children.end(), [&](const auto& child) {
      return common_prefix(child->tokens, held) == std::min(child->tokens.size(), held.size());
    });
    const auto block = blocks[begin / block_tokens_];
    if (same == node->children.end()) {
      node = add(node, held, block);
      continue;
    }
    node = same->get();
    if (node->tokens.size() < held.size()) {  // partly filled so far; the new block holds more
      pool_.retain(block);
      pool_.release(node->block);
      node->block = block;
      node->tokens.assign(held.begin(), held.end());
    }
  }
  touch(node);
}

bool PrefixCache::make_room(int needed) {
  if (pool_.available() >= needed) return true;
  if (pool_.available() + idle_blocks() < needed) return false;
  for (auto last = by_use_.end(); pool_.available() < needed && last != by_use_.begin();) {
    Node* const node = *--last;
    if (!node->children.empty() || pool_.references(node->block) > 1) continue;
    ++last;
    remove(node);
  }
  return true;
}

int PrefixCache::idle_blocks() const {
  return idle_below(root_).blocks;
}

// A node can go when nothing else uses its block and all below it can go.
PrefixCache::Idle PrefixCache::idle_below(const Node& node) const {
  Idle idle{.blocks = 0, .all = true};
  for (const auto& child : node.children) {
    const auto below = idle_below(*child);
    const bool goes = below.all && pool_.references(child->block) == 1;
    idle.blocks += below.blocks + (goes ? 1 : 0);
    idle.all = idle.all && goes;
  }
  return idle;
}

// From the leaf up, so that a parent ends before its children.
void PrefixCache::touch(Node* node) {
  for (; node != &root_; node = node->parent) by_use_.splice(by_use_.begin(), by_use_, node->used);
}

PrefixCache::Node* PrefixCache::add(Node* parent, std::span<const TokenId> tokens, BlockId block) {
  auto node = std::make_unique<Node>();
  node->parent = parent;
  node->block = block;
  node->tokens.assign(tokens.begin(), tokens.end());
  pool_.retain(block);
  by_use_.push_front(node.get());
  node->used = by_use_.begin();
  return parent->children.emplace_back(std::move(node)).get();
}

void PrefixCache::remove(Node* node) {
  pool_.release(node->block);
  by_use_.erase(node->used);
  auto& siblings = node->parent->children;
  siblings.erase(std::find_if(siblings.begin(), siblings.end(),
                              [&](const auto& sibling) { return sibling.get() == node; }));
}

std::span<const TokenId> PrefixCache::next(std::span<const TokenId> tokens, std::size_t begin) const {
  return tokens.subspan(begin, std::min(block_tokens_, tokens.size() - begin));
}

}  // namespace inkfleet::engine
