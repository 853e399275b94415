#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model-service/gpt2/safetensors.hpp"

namespace inkfleet::gpt2 {

/// A table of vectors, kept as the file has them (F32, F16 or BF16) and converted row by row.
class Embedding {
 public:
  /// `table` is [rows, width].
  explicit Embedding(const TensorView& table);

  void copy_row(int row, float* out) const;
  void add_row(int row, float* out) const;

 private:
  template <class Function>
  void visit_row(int row, Function use) const;

  std::string dtype_;
  std::size_t width_;
  std::vector<std::byte> data_;
};

}  // namespace inkfleet::gpt2
