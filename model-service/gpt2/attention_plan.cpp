#include "model-service/gpt2/attention_plan.hpp"

#include <algorithm>

namespace inkfleet::gpt2 {
namespace {

using engine::StepSlice;

/// Items of work that each thread should have, for an even load.
constexpr std::size_t kItemsPerThread = 4;

/// Blocks that a decoding slice only reads; none for a chunk of a prompt, whose rows are a group already.
std::span<const engine::BlockId> read_only_blocks(const StepSlice& slice) {
  if (slice.tokens.size() != 1) return {};
  return slice.blocks.first(slice.first_position / kBlockTokens);
}

int common_blocks(std::span<const engine::BlockId> a, std::span<const engine::BlockId> b) {
  return static_cast<int>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

std::int64_t work(const AttentionGroup& group) {
  std::int64_t keys = 0;
  for (int r = 0; r < group.count; ++r) keys += group.rows[r].position + 1;
  return keys;
}

}  // namespace

void AttentionPlan::build(std::span<const StepSlice> slices, int heads, int threads) {
  count_uses(slices);
  form_groups(slices);
  place_rows(slices);
  cut_groups(heads, threads);
}

void AttentionPlan::count_uses(std::span<const StepSlice> slices) {
  for (const StepSlice& slice : slices) {
    for (const engine::BlockId block : read_only_blocks(slice)) blocks_[block] = {};
  }
  for (const StepSlice& slice : slices) {
    for (const engine::BlockId block : read_only_blocks(slice)) ++blocks_[block].slices;
  }
}

void AttentionPlan::form_groups(std::span<const StepSlice> slices) {
  groups_.clear();
  leader_of_group_.clear();
  group_of_slice_.clear();
  for (int i = 0; i < static_cast<int>(slices.size()); ++i) {
    const int group = group_of(slices, i);
    group_of_slice_.push_back(group);
    groups_[group].count += static_cast<int>(slices[i].tokens.size());
  }
}

/// Slices whose last block that others use too is the same one make a group. They share what comes before
/// it as well; that is checked rather than believed.
int AttentionPlan::group_of(std::span<const StepSlice> slices, int slice) {
  const auto blocks = read_only_blocks(slices[slice]);
  auto shared = static_cast<int>(blocks.size());
  while (shared > 0 && blocks_[blocks[shared - 1]].slices == 1) --shared;
  if (shared > 0) {
    const int group = blocks_[blocks[shared - 1]].group;
    if (group >= 0) {
      const auto leader = slices[leader_of_group_[group]].blocks.first(groups_[group].shared_blocks);
      groups_[group].shared_blocks = common_blocks(leader, blocks.first(shared));
      return group;
    }
    blocks_[blocks[shared - 1]].group = static_cast<int>(groups_.size());
  }
  const int own = slices[slice].tokens.size() == 1 ? shared : static_cast<int>(slices[slice].blocks.size());
  groups_.push_back({.rows = nullptr, .count = 0, .shared_blocks = own});
  leader_of_group_.push_back(slice);
  return static_cast<int>(groups_.size()) - 1;
}

void AttentionPlan::place_rows(std::span<const StepSlice> slices) {
  std::size_t rows = 0;
  for (const AttentionGroup& group : groups_) rows += group.count;
  if (rows_.size() < rows) rows_.resize(rows);
  rows = 0;
  for (AttentionGroup& group : groups_) {
    group.rows = rows_.data() + rows;
    rows += group.count;
    group.count = 0;
  }
  std::ptrdiff_t row = 0;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    AttentionGroup& group = groups_[group_of_slice_[i]];
    AttentionRow* place = rows_.data() + (group.rows - rows_.data());
    for (std::size_t t = 0; t < slices[i].tokens.size(); ++t) {
      place[group.count++] = {.row = row++,
                              .position = slices[i].first_position + static_cast<int>(t),
                              .blocks = slices[i].blocks.data()};
    }
  }
}

/// A chunk of a prompt stays whole: its rows read the keys that the others of it write.
void AttentionPlan::cut_groups(int heads, int threads) {
  const bool enough = groups_.size() * heads >= threads * kItemsPerThread;
  cut_.clear();
  pairs_ = 0;
  for (const AttentionGroup& group : groups_) {
    pairs_ += work(group);
    const bool chunk = group.count > 1 && group.rows[0].blocks == group.rows[1].blocks;
    const int step = enough || chunk ? group.count : kRowGroup;
    for (int begin = 0; begin < group.count; begin += step) {
      cut_.push_back({.rows = group.rows + begin,
                      .count = std::min(step, group.count - begin),
                      .shared_blocks = group.shared_blocks});
    }
  }
  std::sort(cut_.begin(), cut_.end(),
            [](const AttentionGroup& a, const AttentionGroup& b) { return work(a) > work(b); });
}

}  // namespace inkfleet::gpt2
