#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace inkfleet::gpt2 {

/// What PackedMemory gives out for that many bytes.
constexpr std::size_t packed_size(std::size_t bytes) {
  return (bytes + 63) / 64 * 64;
}

/// One stretch of memory for parameters, in the order in which a step reads them.
class PackedMemory {
 public:
  /// Zeros; in huge pages where the system has them. Throws std::bad_alloc.
  explicit PackedMemory(std::size_t bytes);

  /// `bytes` of an open file, for reading only. `offset` is a multiple of the page size. Throws
  /// std::runtime_error when the system refuses.
  static PackedMemory map(int fd, std::uint64_t offset, std::size_t bytes);

  /// The next packed_size(bytes) of it, 64-byte aligned. Throws std::logic_error when there are fewer left.
  std::byte* take(std::size_t bytes);

  /// Of a mapped file: its pages are no longer counted as ours, and stay in the system's cache until
  /// something else needs the room. For one touched here and there, the system maps sixteen.
  void rest();

  [[nodiscard]] std::span<std::byte> bytes() const { return {memory_.get(), size_}; }

 private:
  PackedMemory() = default;

  struct Unmap {
    std::size_t mapped;  ///< bytes
    void operator()(std::byte* p) const;
  };
  std::unique_ptr<std::byte[], Unmap> memory_;
  std::size_t size_ = 0;
  std::size_t taken_ = 0;
  bool of_file_ = false;
};

/// Where a model's parameters lie.
struct WeightMemory {
  PackedMemory tables;    ///< embeddings, of which a step reads a few rows
  PackedMemory matrices;  ///< all else, which every step reads as a whole
};

struct WeightSizes {
  std::size_t tables = 0;    ///< a multiple of kPackedChunk: see packed_file.hpp
  std::size_t matrices = 0;  ///< a multiple of 64
};

}  // namespace inkfleet::gpt2
