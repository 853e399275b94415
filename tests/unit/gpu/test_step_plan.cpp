// What a step is cut into: no device needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "model-service/gpu/cuda/step_plan.hpp"

namespace inkfleet::gpu {
namespace {

constexpr int kBlockTokens = 16;
constexpr int kBlocks = 4000;

ModelShape medium() {
  return ModelShape({.vocab_size = 50257,
                     .context_length = 1024,
                     .width = 1024,
                     .heads = 16,
                     .layers = 24,
                     .inner = 4096,
                     .type = INKFLEET_GPU_FP16,
                     .block_tokens = kBlockTokens});
}

/// Slices with tables of their own, or behind a common beginning.
class Step {
 public:
  void add(int first_position, int tokens, const std::vector<std::int32_t>& beginning = {}) {
    auto blocks = beginning;
    while (static_cast<int>(blocks.size()) * kBlockTokens < first_position + tokens)
      blocks.push_back(next_block_++);
    tables_.push_back(blocks);
    tokens_.emplace_back(tokens, 5);
    first_positions_.push_back(first_position);
  }
  [[nodiscard]] std::vector<inkfleet_gpu_slice> slices() const {
    std::vector<inkfleet_gpu_slice> result;
    for (std::size_t i = 0; i < tables_.size(); ++i) {
      result.push_back(
          {tokens_[i].data(), static_cast<int>(tokens_[i].size()), first_positions_[i], tables_[i].data()});
    }
    return result;
  }
  std::vector<std::int32_t> take_blocks(int count) {
    std::vector<std::int32_t> taken;
    for (int i = 0; i < count; ++i) taken.push_back(next_block_++);
    return taken;
  }

 private:
  int next_block_ = 0;
  std::vector<std::vector<std::int32_t>> tables_;
  std::vector<std::vector<std::int32_t>> tokens_;
  std::vector<int> first_positions_;
};

class Written {
 public:
  Written(const Step& step, int rows, int multiprocessors = 132) : slices_(step.slices()), rows_(rows) {
    StepPlan plan(medium(), multiprocessors, 2048);
    plan.set_kv_blocks(kBlocks);
    EXPECT_TRUE(plan.is_valid(slices_));
    memory_.resize(plan.capacity() / sizeof(std::max_align_t) + 1);
    auto* const base = reinterpret_cast<std::byte*>(memory_.data());
    bytes = plan.write(slices_, rows, base);
    EXPECT_LE(bytes, plan.capacity());
    view = plan.view(base, rows);
    limits = plan.limits(rows);
  }

  [[nodiscard]] std::span<const AttentionItem> items() const {
    return {view.items, static_cast<std::size_t>(*view.item_count)};
  }

  /// Every row sees each of its keys once, in blocks of its own text, and its parts are numbered without gaps
  /// or overlap.
  void expect_right() const {
    EXPECT_LE(*view.item_count, limits.items);
    std::map<int, std::set<int>> seen;
    std::map<int, std::set<int>> parts_of_row;
    for (const AttentionItem& item : items()) {
      EXPECT_LT(item.key_begin, item.key_end);
      for (int r = 0; r < item.count; ++r) {
        const int row = item.rows[r];
        EXPECT_TRUE(parts_of_row[row].insert(item.part).second);
        for (int key = item.key_begin; key < item.key_end && key <= view.positions[row]; ++key) {
          EXPECT_TRUE(seen[row].insert(key).second) << "row " << row << " sees " << key << " twice";
          EXPECT_EQ(view.tables[item.table + key / kBlockTokens], slice_of(row).blocks[key / kBlockTokens]);
        }
      }
    }
    std::set<int> numbers;
    for (int row = 0; row < used_rows(); ++row) {
      EXPECT_EQ(static_cast<int>(seen[row].size()), view.positions[row] + 1) << "row " << row;
      EXPECT_EQ(static_cast<int>(parts_of_row[row].size()), view.parts[row].count);
      for (int part = 0; part < view.parts[row].count; ++part) {
        EXPECT_TRUE(parts_of_row[row].contains(part));
        EXPECT_TRUE(numbers.insert(view.parts[row].first + part).second);
        EXPECT_LT(view.parts[row].first + part, limits.parts);
      }
    }
  }

  std::size_t bytes = 0;
  StepView view{};
  AttentionLimits limits{};

 private:
  [[nodiscard]] int used_rows() const {
    int rows = 0;
    for (const auto& slice : slices_) rows += slice.token_count;
    return rows;
  }
  [[nodiscard]] const inkfleet_gpu_slice& slice_of(int row) const {
    auto slice = slices_.begin();
    for (; row >= slice->token_count; ++slice) row -= slice->token_count;
    return *slice;
  }

  std::vector<inkfleet_gpu_slice> slices_;
  int rows_;
  std::vector<std::max_align_t> memory_;
};

TEST(StepPlan, AFillingRowIsNoTextAndGetsNoAttention) {
  Step step;
  step.add(20, 1);
  const Written written(step, 4);
  written.expect_right();
  EXPECT_EQ(written.view.slots[0], 1 * kBlockTokens + 4);
  for (int row = 1; row < 4; ++row) {
    EXPECT_EQ(written.view.tokens[row], 0);
    EXPECT_EQ(written.view.slots[row], kBlocks * kBlockTokens);
    for (const AttentionItem& item : written.items()) EXPECT_EQ(item.rows[0], 0);
  }
}

// Turns red when: chunks are as long as the text.
TEST(StepPlan, ALongTextAloneIsCutForAWholeDevice) {
  Step step;
  step.add(1000, 1);
  const Written written(step, 1);
  written.expect_right();
  EXPECT_GE(written.items().size(), 12U);
  EXPECT_LE(written.bytes, 4096U);
}

TEST(StepPlan, ManyTextsAreNotCut) {
  Step step;
  for (int i = 0; i < 200; ++i) step.add(150, 1);
  const Written written(step, 200);
  written.expect_right();
  EXPECT_LE(written.items().size(), 2U * 200);
}

// Turns red when: a group is made of slices that share only their first block.
TEST(StepPlan, SuggestionsReadTheirPromptTogether) {
  Step step;
  const auto prompt = step.take_blocks(6);
  for (int i = 0; i < 8; ++i) step.add(110, 1, prompt);
  const std::vector<std::int32_t> half(prompt.begin(), prompt.begin() + 3);
  step.add(110, 1, half);
  step.add(30, 1);
  const Written written(step, 10);
  written.expect_right();
  int together = 0;
  for (const AttentionItem& item : written.items()) {
    if (item.count == 1) continue;
    EXPECT_EQ(item.count, 8);
    together += item.key_end - item.key_begin;
  }
  EXPECT_EQ(together, 6 * kBlockTokens);
}

TEST(StepPlan, APromptsRowsAreTiles) {
  Step step;
  step.add(5, 100);
  const Written written(step, 104);
  written.expect_right();
  for (const AttentionItem& item : written.items()) {
    EXPECT_LE(item.count, kItemRows);
    for (int r = 1; r < item.count; ++r) EXPECT_EQ(item.rows[r], item.rows[0] + r);
  }
}

// Steps of all kinds, on devices of all sizes. Turns red when: a row's last key is left out; what is shared
// is checked by its last block alone.
TEST(StepPlan, RandomStepsAreCutRight) {
  std::mt19937 random(17);
  for (int round = 0; round < 60; ++round) {
    Step step;
    int rows = 0;
    std::vector<std::vector<std::int32_t>> beginnings{{}};
    for (int i = 0; i < 3; ++i) beginnings.push_back(step.take_blocks(1 + static_cast<int>(random() % 10)));
    auto longer = beginnings[1];
    for (const auto block : step.take_blocks(2)) longer.push_back(block);
    beginnings.push_back(longer);
    for (std::size_t i = 0; i < 1 + random() % 40; ++i) {
      const auto& beginning = beginnings[random() % beginnings.size()];
      const int tokens = random() % 5 == 0 ? 1 + static_cast<int>(random() % 60) : 1;
      step.add(static_cast<int>(beginning.size()) * kBlockTokens + static_cast<int>(random() % 200), tokens,
               beginning);
      rows += tokens;
    }
    Written(step, rows + static_cast<int>(random() % 3), random() % 2 == 0 ? 132 : 1).expect_right();
  }
}

}  // namespace
}  // namespace inkfleet::gpu
