#pragma once

#include <cstddef>
#include <memory>

namespace inkfleet::gpt2 {

/// One stretch of memory for all packed matrices, in the order in which a step reads them; in huge pages
/// where the system has them.
class PackedMemory {
 public:
  explicit PackedMemory(std::size_t bytes);

  /// The next `bytes` of it, 64-byte aligned. Throws std::logic_error when there are fewer left.
  std::byte* take(std::size_t bytes);

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  std::unique_ptr<std::byte[], Free> memory_;
  std::size_t size_;
  std::size_t taken_ = 0;
};

}  // namespace inkfleet::gpt2
