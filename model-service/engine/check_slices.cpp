#include "model-service/engine/check_slices.hpp"

#include <stdexcept>
#include <string>

namespace inkfleet::engine {
namespace {

void check_extent(const ModelShape& shape, const StepSlice& slice, int last, std::size_t blocks) {
  if (!slice.tokens.empty() && slice.first_position >= 0 && last < shape.context_length &&
      slice.blocks.size() >= blocks) {
    return;
  }
  throw std::invalid_argument("step: expected tokens at positions within context and blocks, found " +
                              std::to_string(slice.tokens.size()) + " from " +
                              std::to_string(slice.first_position) + " in " +
                              std::to_string(slice.blocks.size()) + " blocks");
}

void check_below(const char* what, int limit, std::int32_t found) {
  if (found >= 0 && found < limit) return;
  throw std::invalid_argument("step: expected " + std::string(what) + " below " + std::to_string(limit) +
                              ", found " + std::to_string(found));
}

}  // namespace

void check_slices(const ModelShape& shape, std::span<const StepSlice> slices) {
  for (const StepSlice& slice : slices) {
    const int last = slice.first_position + static_cast<int>(slice.tokens.size()) - 1;
    const auto blocks = static_cast<std::size_t>(last / shape.block_tokens) + 1;
    check_extent(shape, slice, last, blocks);
    for (const TokenId token : slice.tokens) check_below("tokens", shape.vocab_size, token);
    for (const BlockId block : slice.blocks.first(blocks)) check_below("blocks", shape.kv_blocks, block);
  }
}

}  // namespace inkfleet::engine
