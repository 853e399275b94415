#include "model-service/gpt2/packed_memory.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>

namespace inkfleet::gpt2 {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

constexpr std::size_t round_up_to(std::size_t bytes, std::size_t step) {
  return (bytes + step - 1) / step * step;
}

std::byte* map_anonymous(std::size_t bytes) {
  void* data = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED) throw std::bad_alloc();
  return static_cast<std::byte*>(data);
}

/// Huge pages begin at multiples of their size: maps more than is wanted and gives back both ends.
std::byte* map_huge(std::size_t bytes) {
  std::byte* const data = map_anonymous(bytes + kHugePage);
  const std::size_t before = kHugePage - reinterpret_cast<std::uintptr_t>(data) % kHugePage;
  ::munmap(data, before);
  if (before < kHugePage) ::munmap(data + before + bytes, kHugePage - before);
  // Refused where there are none: ordinary pages will do.
  static_cast<void>(::madvise(data + before, bytes, MADV_HUGEPAGE));
  return data + before;
}

}  // namespace

void PackedMemory::Unmap::operator()(std::byte* p) const {
  ::munmap(p, mapped);
}

PackedMemory::PackedMemory(std::size_t bytes) : size_(packed_size(bytes)) {
  if (size_ == 0) return;
  const bool huge = size_ >= kHugePage;
  const std::size_t whole = round_up_to(size_, huge ? kHugePage : kPage);
  memory_ = {huge ? map_huge(whole) : map_anonymous(whole), Unmap{whole}};
}

PackedMemory PackedMemory::map(int fd, std::uint64_t offset, std::size_t bytes) {
  PackedMemory result;
  result.size_ = packed_size(bytes);
  if (result.size_ == 0) return result;
  void* data = ::mmap(nullptr, result.size_, PROT_READ, MAP_PRIVATE, fd, static_cast<off_t>(offset));
  if (data == MAP_FAILED) throw std::runtime_error(std::string("cannot map: ") + std::strerror(errno));
  result.memory_ = {static_cast<std::byte*>(data), Unmap{result.size_}};
  result.of_file_ = true;
  return result;
}

void PackedMemory::rest() {
  if (of_file_) static_cast<void>(::madvise(memory_.get(), size_, MADV_DONTNEED));
}

std::byte* PackedMemory::take(std::size_t bytes) {
  const std::size_t needed = packed_size(bytes);
  if (needed > size_ - taken_) throw std::logic_error("packed memory: asked for more than was planned");
  std::byte* found = memory_.get() + taken_;
  taken_ += needed;
  return found;
}

}  // namespace inkfleet::gpt2
