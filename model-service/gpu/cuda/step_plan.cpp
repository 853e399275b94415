#include "model-service/gpu/cuda/step_plan.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace inkfleet::gpu {
namespace {

/// Items times heads that each multiprocessor should have, for an even load, and the fewest keys that are
/// worth one.
constexpr int kItemsPerMultiprocessor = 4;
constexpr int kFewestKeys = 64;

constexpr std::size_t kAlignment = 16;

int end_position(const inkfleet_gpu_slice& slice) {
  return slice.first_position + slice.token_count;
}

bool is_decoding(const inkfleet_gpu_slice& slice) {
  return slice.token_count == 1;
}

/// Gives out stretches of memory, one after the other.
class Places {
 public:
  explicit Places(std::byte* base) : next_(reinterpret_cast<std::uintptr_t>(base)) {}

  template <class Element>
  Element* take(std::int64_t count) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): capacity() counts from null, where no pointer may move.
    auto* const taken = reinterpret_cast<Element*>(next_);
    next_ += (static_cast<std::size_t>(count) * sizeof(Element) + kAlignment - 1) / kAlignment * kAlignment;
    return taken;
  }

 private:
  std::uintptr_t next_;
};

}  // namespace

StepPlan::StepPlan(const ModelShape& shape, int multiprocessors, int max_rows)
    : shape_(shape), multiprocessors_(multiprocessors), max_rows_(max_rows) {}

void StepPlan::set_kv_blocks(int kv_blocks) {
  kv_blocks_ = kv_blocks;
  uses_.resize(static_cast<std::size_t>(kv_blocks));
}

/// What an even load makes of the most work there can be, and once more the rows.
AttentionLimits StepPlan::limits(int rows) const {
  const int of_load = kItemsPerMultiprocessor * multiprocessors_ / shape_.config.heads + 1;
  return {.items = 2 * rows + of_load, .parts = 3 * rows + kItemRows * (of_load + 1)};
}

StepView StepPlan::view(std::byte* base, int rows) const {
  Places places(base);
  StepView view{};
  view.item_count = places.take<int>(1);
  view.tokens = places.take<int>(rows);
  view.positions = places.take<int>(rows);
  view.slots = places.take<int>(rows);
  view.parts = places.take<RowParts>(rows);
  view.items = places.take<AttentionItem>(limits(rows).items);
  view.tables = places.take<int>(0);
  return view;
}

std::size_t StepPlan::capacity() const {
  return reinterpret_cast<std::uintptr_t>(view(nullptr, max_rows_).tables) +
         static_cast<std::size_t>(max_rows_) * shape_.blocks_for(shape_.config.context_length) * sizeof(int);
}

bool StepPlan::is_valid(std::span<const inkfleet_gpu_slice> slices) const {
  std::int64_t rows = 0;
  for (const inkfleet_gpu_slice& slice : slices) {
    if (slice.token_count < 1 || slice.first_position < 0 ||
        slice.token_count > shape_.config.context_length ||
        slice.first_position > shape_.config.context_length - slice.token_count) {
      return false;
    }
    rows += slice.token_count;
    const auto exists_below = [](int limit) { return [limit](int n) { return n >= 0 && n < limit; }; };
    if (!std::all_of(slice.tokens, slice.tokens + slice.token_count,
                     exists_below(shape_.config.vocab_size)) ||
        !std::all_of(slice.blocks, slice.blocks + shape_.blocks_for(end_position(slice)),
                     exists_below(kv_blocks_))) {
      return false;
    }
  }
  return rows <= max_rows_;
}

std::size_t StepPlan::write(std::span<const inkfleet_gpu_slice> slices, int rows, std::byte* base) {
  view_ = view(base, rows);
  limits_ = limits(rows);
  write_rows(slices, rows);
  group_slices(slices);
  for (int chunk = chunk_for_an_even_load(slices); !cut(slices, chunk); chunk *= 2) {
  }
  number_parts();
  const int tables = slices.empty() ? 0 : table_.back() + shape_.blocks_for(end_position(slices.back()));
  return static_cast<std::size_t>(reinterpret_cast<std::byte*>(view_.tables + tables) - base);
}

void StepPlan::write_rows(std::span<const inkfleet_gpu_slice> slices, int rows) {
  first_row_.clear();
  table_.clear();
  int row = 0;
  int table = 0;
  for (const inkfleet_gpu_slice& slice : slices) {
    first_row_.push_back(row);
    table_.push_back(table);
    for (int t = 0; t < slice.token_count; ++t, ++row) {
      const int position = slice.first_position + t;
      view_.tokens[row] = slice.tokens[t];
      view_.positions[row] = position;
      view_.slots[row] = slice.blocks[position >> shape_.block_shift] << shape_.block_shift |
                         (position & (shape_.config.block_tokens - 1));
    }
    const int blocks = shape_.blocks_for(end_position(slice));
    std::copy(slice.blocks, slice.blocks + blocks, view_.tables + table);
    table += blocks;
  }
  for (text_rows_ = row; row < rows; ++row) {
    view_.tokens[row] = 0;
    view_.positions[row] = 0;
    view_.slots[row] = kv_blocks_ << shape_.block_shift;
  }
}

/// Blocks that a decoding slice only reads; none for a chunk of a prompt, whose rows are a group already.
int StepPlan::read_only_blocks(const inkfleet_gpu_slice& slice) const {
  return is_decoding(slice) ? slice.first_position >> shape_.block_shift : 0;
}

void StepPlan::group_slices(std::span<const inkfleet_gpu_slice> slices) {
  for (const inkfleet_gpu_slice& slice : slices) {
    for (int i = 0; i < read_only_blocks(slice); ++i) uses_[slice.blocks[i]] = {};
  }
  for (const inkfleet_gpu_slice& slice : slices) {
    for (int i = 0; i < read_only_blocks(slice); ++i) ++uses_[slice.blocks[i]].slices;
  }
  groups_.clear();
  group_of_slice_.clear();
  for (int i = 0; i < static_cast<int>(slices.size()); ++i) {
    const int group = group_of(slices, i);
    group_of_slice_.push_back(group);
    ++groups_[group].count;
  }
  place_members();
}

/// Slices whose last block that others use too is the same one make a group. They share what comes before it
/// as well; that is checked rather than believed.
int StepPlan::group_of(std::span<const inkfleet_gpu_slice> slices, int slice) {
  const std::int32_t* const blocks = slices[slice].blocks;
  int shared = read_only_blocks(slices[slice]);
  while (shared > 0 && uses_[blocks[shared - 1]].slices == 1) --shared;
  if (shared > 0) {
    int& group = uses_[blocks[shared - 1]].group;
    if (group >= 0) {
      const int at_most = std::min(shared, groups_[group].shared_blocks);
      const std::int32_t* const leaders = slices[groups_[group].leader].blocks;
      groups_[group].shared_blocks =
          static_cast<int>(std::mismatch(blocks, blocks + at_most, leaders).first - blocks);
      return group;
    }
    group = static_cast<int>(groups_.size());
  }
  groups_.push_back({.leader = slice, .shared_blocks = shared});
  return static_cast<int>(groups_.size()) - 1;
}

void StepPlan::place_members() {
  int place = 0;
  for (Group& group : groups_) {
    group.next = place;
    place += group.count;
    group.count = 0;
  }
  members_.resize(static_cast<std::size_t>(place));
  for (int slice = 0; slice < place; ++slice) {
    Group& group = groups_[group_of_slice_[slice]];
    members_[group.next + group.count++] = slice;
  }
}

int StepPlan::chunk_for_an_even_load(std::span<const inkfleet_gpu_slice> slices) const {
  std::int64_t keys = 0;
  for (const inkfleet_gpu_slice& slice : slices) {
    keys += std::int64_t{end_position(slice)} * ((slice.token_count + kItemRows - 1) / kItemRows);
  }
  const std::int64_t even =
      keys * shape_.config.heads / (std::int64_t{kItemsPerMultiprocessor} * multiprocessors_);
  return static_cast<int>(even / kFewestKeys + 1) * kFewestKeys;
}

/// False when that makes more items or parts than there is room for.
bool StepPlan::cut(std::span<const inkfleet_gpu_slice> slices, int chunk) {
  *view_.item_count = 0;
  parts_ = 0;
  std::fill(view_.parts, view_.parts + text_rows_, RowParts{});
  for (const Group& group : groups_) {
    const int leader = group.leader;
    if (is_decoding(slices[leader])) {
      cut_group(slices, group, chunk);
    } else {
      cut_prompt(slices[leader], first_row_[leader], table_[leader], chunk);
    }
  }
  return *view_.item_count <= limits_.items && parts_ <= limits_.parts;
}

/// What is in the shared blocks for several rows at once, the rest row by row.
void StepPlan::cut_group(std::span<const inkfleet_gpu_slice> slices, const Group& group, int chunk) {
  const std::span<const int> members = std::span(members_).subspan(group.next, group.count);
  const int shared = group.count > 1 ? group.shared_blocks << shape_.block_shift : 0;
  for (std::size_t begin = 0; shared > 0 && begin < members.size(); begin += kItemRows) {
    std::array<int, kItemRows> rows{};
    const auto some = members.subspan(begin, std::min<std::size_t>(kItemRows, members.size() - begin));
    std::transform(some.begin(), some.end(), rows.begin(), [this](int slice) { return first_row_[slice]; });
    add_items(std::span(rows).first(some.size()), table_[group.leader], 0, shared, chunk);
  }
  for (const int slice : members) {
    add_items({&first_row_[slice], 1}, table_[slice], shared, end_position(slices[slice]), chunk);
  }
}

/// The last row of a tile sees all of its keys.
void StepPlan::cut_prompt(const inkfleet_gpu_slice& slice, int first_row, int table, int chunk) {
  for (int begin = 0; begin < slice.token_count; begin += kItemRows) {
    std::array<int, kItemRows> rows{};
    const int count = std::min(kItemRows, slice.token_count - begin);
    for (int i = 0; i < count; ++i) rows[i] = first_row + begin + i;
    add_items(std::span(rows).first(count), table, 0, slice.first_position + begin + count, chunk);
  }
}

void StepPlan::add_items(std::span<const int> rows, int table, int from, int to, int chunk) {
  for (; from < to; from += chunk) {
    const int place = (*view_.item_count)++;
    parts_ += static_cast<int>(rows.size());
    if (place < limits_.items) {
      AttentionItem& item = view_.items[place];
      item = {.rows = {},
              .count = static_cast<int>(rows.size()),
              .key_begin = from,
              .key_end = std::min(from + chunk, to),
              .table = table,
              .part = view_.parts[rows.front()].count};
      std::copy(rows.begin(), rows.end(), item.rows);
    }
    for (const int row : rows) ++view_.parts[row].count;
  }
}

void StepPlan::number_parts() {
  int next = 0;
  for (int row = 0; row < text_rows_; ++row) {
    view_.parts[row].first = next;
    next += view_.parts[row].count;
  }
}

}  // namespace inkfleet::gpu
