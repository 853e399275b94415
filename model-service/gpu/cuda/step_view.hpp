// What a step is, as it lies in the device's memory: written by StepPlan, read by the kernels.
#pragma once

#include <cstdint>

namespace inkfleet::gpu {

/// Rows that an item of attention has at most.
constexpr int kItemRows = 8;

/// Keys key_begin to key_end - 1 of a table of blocks, for rows that may see them, each up to its own
/// position.
struct AttentionItem {
  int rows[kItemRows];
  int count;
  int key_begin;
  int key_end;
  int table;  ///< where the table begins in `tables`
  int part;   ///< which of its rows' parts this is
};

/// Where the parts of a row's attention lie, and how many there are.
struct RowParts {
  int first;
  int count;
};

struct Draw {
  int row;  ///< of the logits
  int top_k;
  double temperature;
  double top_p;
  double uniform;
};

/// Addresses that stay the same for all steps of that many rows, as graphs need them: `rows` with what fills
/// it up to a size that there is a graph of. Those rows get token 0, a block that nobody reads, and no
/// attention.
struct StepView {
  int* tokens;      ///< [rows]
  int* positions;   ///< [rows]
  int* slots;       ///< [rows]: block * block_tokens + position in the block, where keys and values go
  RowParts* parts;  ///< [rows]
  int* item_count;  ///< [1]
  AttentionItem* items;
  int* tables;  ///< of all slices, one after the other
};

}  // namespace inkfleet::gpu
