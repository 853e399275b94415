#include "tokenizer/word_merger.hpp"

#include <algorithm>
#include <functional>

namespace inkfleet::tokenizer {

void WordMerger::merge_by_scan(std::string_view word, std::vector<TokenId>& ids) {
  std::array<TokenId, kScanLimit> tokens;
  std::array<Merge, kScanLimit> pairs;  // pairs[i]: what tokens i and i + 1 become
  std::size_t count = word.size();
  for (std::size_t i = 0; i < count; ++i) tokens[i] = byte_ids_[static_cast<unsigned char>(word[i])];
  for (std::size_t i = 0; i + 1 < count; ++i) pairs[i] = merges_.find(tokens[i], tokens[i + 1]);

  while (count > 1) {
    const auto pairs_end = pairs.begin() + (count - 1);
    const auto best = std::min_element(pairs.begin(), pairs_end,
                                       [](const Merge& a, const Merge& b) { return a.rank < b.rank; });
    if (best->rank == Merge::kNever) break;
    const std::size_t at = best - pairs.begin();
    tokens[at] = best->merged;
    std::copy(tokens.begin() + at + 2, tokens.begin() + count, tokens.begin() + at + 1);
    std::copy(best + 1, pairs_end, best);
    --count;
    if (at > 0) pairs[at - 1] = merges_.find(tokens[at - 1], tokens[at]);
    if (at + 1 < count) pairs[at] = merges_.find(tokens[at], tokens[at + 1]);
  }
  ids.insert(ids.end(), tokens.begin(), tokens.begin() + count);
}

void WordMerger::merge_by_heap(std::string_view word, std::vector<TokenId>& ids) {
  start(word);
  while (!heap_.empty()) {
    const std::uint64_t entry = pop();
    const auto at = static_cast<std::int32_t>(entry & 0xFFFFFFFF);
    if (symbols_[at].with_next.rank == entry >> 32) join_with_next(at);
  }
  for (std::int32_t at = 0; at >= 0; at = symbols_[at].next) ids.push_back(symbols_[at].id);
}

void WordMerger::start(std::string_view word) {
  const auto count = static_cast<std::int32_t>(word.size());
  symbols_.resize(word.size());
  heap_.clear();
  for (std::int32_t i = 0; i < count; ++i) {
    symbols_[i] = {byte_ids_[static_cast<unsigned char>(word[i])], i - 1, i + 1 < count ? i + 1 : -1, {}};
  }
  for (std::int32_t i = 0; i < count; ++i) pair_up(i);
}

void WordMerger::pair_up(std::int32_t at) {
  Symbol& symbol = symbols_[at];
  symbol.with_next = symbol.next < 0 ? Merge{} : merges_.find(symbol.id, symbols_[symbol.next].id);
  if (symbol.with_next.rank != Merge::kNever) push(at);
}

void WordMerger::push(std::int32_t at) {
  heap_.push_back(static_cast<std::uint64_t>(symbols_[at].with_next.rank) << 32 | at);
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>());
}

std::uint64_t WordMerger::pop() {
  std::pop_heap(heap_.begin(), heap_.end(), std::greater<>());
  const std::uint64_t entry = heap_.back();
  heap_.pop_back();
  return entry;
}

void WordMerger::join_with_next(std::int32_t at) {
  Symbol& symbol = symbols_[at];
  Symbol& gone = symbols_[symbol.next];
  symbol.id = symbol.with_next.merged;
  symbol.next = gone.next;
  if (gone.next >= 0) symbols_[gone.next].previous = at;
  gone.with_next = {};  // its heap entry is stale
  pair_up(at);
  if (symbol.previous >= 0) pair_up(symbol.previous);
}

}  // namespace inkfleet::tokenizer
