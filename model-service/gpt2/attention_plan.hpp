#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model-service/engine/step_model.hpp"
#include "model-service/gpt2/kernels/kernels.hpp"

namespace inkfleet::gpt2 {

/// Which rows of a step attend together, found once and used by every layer: the rows of each prompt's chunk,
/// and the suggestions that decode behind the same blocks. Makes no difference to the numbers. Its memory is
/// that of the largest step so far.
class AttentionPlan {
 public:
  AttentionPlan() = default;
  /// `kv_blocks` are all of the cache.
  explicit AttentionPlan(int kv_blocks) : blocks_(kv_blocks) {}

  /// Takes time linear in the slices and the lengths of their tables. Cuts the groups so that `heads` times
  /// their number keeps `threads` threads busy. The slices' tables must stay where they are while the groups
  /// are used.
  void build(std::span<const engine::StepSlice> slices, int heads, int threads);

  /// The one with most work first.
  [[nodiscard]] std::span<const AttentionGroup> groups() const { return cut_; }
  /// Pairs of row and key, over all groups.
  [[nodiscard]] std::int64_t pairs() const { return pairs_; }

 private:
  struct BlockUse {
    int slices = 0;  ///< that decode behind this block
    int group = -1;  ///< of those of them that share no later block
  };

  void count_uses(std::span<const engine::StepSlice> slices);
  void form_groups(std::span<const engine::StepSlice> slices);
  int group_of(std::span<const engine::StepSlice> slices, int slice);
  void place_rows(std::span<const engine::StepSlice> slices);
  void cut_groups(int heads, int threads);

  std::vector<BlockUse> blocks_;
  std::vector<int> group_of_slice_;
  std::vector<int> leader_of_group_;  ///< the group's first slice
  std::vector<AttentionGroup> groups_;
  std::vector<AttentionGroup> cut_;
  std::vector<AttentionRow> rows_;  ///< by group
  std::int64_t pairs_ = 0;
};

}  // namespace inkfleet::gpt2
