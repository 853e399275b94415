#pragma once

#include <cstddef>
#include <string>
#include <utility>

namespace inkfleet::gpt2 {

/// A table of vectors, kept as the checkpoint has them (F32, F16 or BF16) and converted row by row.
class Embedding {
 public:
  /// `table` is [rows, width] of that type, aligned for it, and must outlive this object.
  Embedding(std::string dtype, const std::byte* table, int width)
      : dtype_(std::move(dtype)), width_(static_cast<std::size_t>(width)), table_(table) {}

  void copy_row(int row, float* out) const;
  void add_row(int row, float* out) const;

 private:
  template <class Function>
  void visit_row(int row, Function use) const;

  std::string dtype_;
  std::size_t width_;
  const std::byte* table_;
};

}  // namespace inkfleet::gpt2
