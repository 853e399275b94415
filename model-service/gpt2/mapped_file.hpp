#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace inkfleet::gpt2 {

/// A file mapped for reading, unmapped by the destructor. Throws std::runtime_error naming the file when it
/// cannot be opened.
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  MappedFile& operator=(MappedFile&&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace inkfleet::gpt2
