#include "model-service/gpt2/packed_memory.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <new>
#include <stdexcept>

namespace inkfleet::gpt2 {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kAlignment = 64;

constexpr std::size_t round_up_to(std::size_t bytes, std::size_t step) {
  return (bytes + step - 1) / step * step;
}

}  // namespace

void PackedMemory::Free::operator()(std::byte* p) const {
  std::free(p);
}

PackedMemory::PackedMemory(std::size_t bytes) : size_(round_up_to(bytes, kAlignment)) {
  if (size_ == 0) return;
  const std::size_t alignment = size_ >= kHugePage ? kHugePage : kAlignment;
  const std::size_t whole = round_up_to(size_, alignment);
  memory_.reset(static_cast<std::byte*>(std::aligned_alloc(alignment, whole)));
  if (!memory_) throw std::bad_alloc();
  // Refused where there are none: ordinary pages will do.
  if (alignment == kHugePage) static_cast<void>(::madvise(memory_.get(), whole, MADV_HUGEPAGE));
}

std::byte* PackedMemory::take(std::size_t bytes) {
  const std::size_t needed = round_up_to(bytes, kAlignment);
  if (needed > size_ - taken_) throw std::logic_error("packed memory: asked for more than was planned");
  std::byte* found = memory_.get() + taken_;
  taken_ += needed;
  return found;
}

}  // namespace inkfleet::gpt2
