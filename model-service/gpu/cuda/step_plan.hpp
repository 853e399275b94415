#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "model-service/gpu/cuda/model_shape.hpp"
#include "model-service/gpu/cuda/step_view.hpp"

namespace inkfleet::gpu {

/// How much there may be of what attention is cut into.
struct AttentionLimits {
  int items;
  int parts;
};

/// Writes what a step is into memory of the host, from where it is copied as it is. Groups decoding slices
/// that have their leading blocks in common, so that those are read once, and cuts long rows so that a few of
/// them keep a whole device busy. No CUDA in here.
class StepPlan {
 public:
  StepPlan(const ModelShape& shape, int multiprocessors, int max_rows);

  /// Blocks are numbered below `kv_blocks`; one more takes what rows without a text write.
  void set_kv_blocks(int kv_blocks);

  [[nodiscard]] AttentionLimits limits(int rows) const;
  /// Bytes that a step of up to max_rows rows can take; draws not counted.
  [[nodiscard]] std::size_t capacity() const;
  /// Where the parts of a step of `rows` rows lie from `base` on.
  [[nodiscard]] StepView view(std::byte* base, int rows) const;

  /// False for what no step may be: more rows than max_rows, a token, position or block that does not exist.
  [[nodiscard]] bool is_valid(std::span<const inkfleet_gpu_slice> slices) const;
  /// Writes the step, with `rows` - the slices' tokens rows more of nothing, and returns the bytes to copy.
  std::size_t write(std::span<const inkfleet_gpu_slice> slices, int rows, std::byte* base);

 private:
  struct Group {
    int leader;         ///< slice
    int shared_blocks;  ///< that all of its slices begin with
    int next = 0;       ///< place in members_
    int count = 0;
  };
  struct BlockUse {
    int slices = 0;
    int group = -1;
  };

  void write_rows(std::span<const inkfleet_gpu_slice> slices, int rows);
  void group_slices(std::span<const inkfleet_gpu_slice> slices);
  int group_of(std::span<const inkfleet_gpu_slice> slices, int slice);
  void place_members();
  void number_parts();
  [[nodiscard]] int chunk_for_an_even_load(std::span<const inkfleet_gpu_slice> slices) const;
  bool cut(std::span<const inkfleet_gpu_slice> slices, int chunk);
  void cut_group(std::span<const inkfleet_gpu_slice> slices, const Group& group, int chunk);
  void cut_prompt(const inkfleet_gpu_slice& slice, int first_row, int table, int chunk);
  void add_items(std::span<const int> rows, int table, int from, int to, int chunk);
  [[nodiscard]] int read_only_blocks(const inkfleet_gpu_slice& slice) const;

  ModelShape shape_;
  int multiprocessors_;
  int max_rows_;
  int kv_blocks_ = 0;
  StepView view_{};           ///< of the step that is written
  AttentionLimits limits_{};  ///< of it
  std::vector<BlockUse> uses_;
  std::vector<Group> groups_;
  std::vector<int> group_of_slice_;
  std::vector<int> members_;    ///< slices by group
  std::vector<int> first_row_;  ///< of slices
  std::vector<int> table_;      ///< of slices, where it begins
  int text_rows_ = 0;           ///< that are of slices
  int parts_ = 0;               ///< of all rows
};

}  // namespace inkfleet::gpu
