#include "model-service/gpt2/kv_cache.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

#include "model-service/gpt2/kernels/kernels.hpp"

namespace inkfleet::gpt2 {

KvCache::KvCache(const Config& config, KvType type, std::size_t bytes)
    : type_(type),
      layer_keys_(config.heads * head_key_bytes(type, config.head_dim())),
      layer_values_(config.heads * head_value_bytes(type, config.head_dim())),
      block_stride_(config.layers * (layer_keys_ + layer_values_)) {
  const auto block_bytes = static_cast<std::size_t>(block_stride_);
  const std::size_t needed = (config.context_length + kBlockTokens - 1) / kBlockTokens;
  const std::size_t fitting = std::min<std::size_t>(bytes / block_bytes, INT32_MAX);
  if (fitting < needed) {
    throw std::runtime_error("key-value cache: expected at least " + std::to_string(needed * block_bytes) +
                             " bytes, for one context of " + std::to_string(config.context_length) +
                             " tokens, found " + std::to_string(bytes));
  }
  blocks_ = static_cast<int>(fitting);
  mapped_bytes_ = fitting * block_bytes;
  void* data = ::mmap(nullptr, mapped_bytes_, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    throw std::runtime_error("key-value cache: cannot map " + std::to_string(mapped_bytes_) +
                             " bytes: " + std::strerror(errno));
  }
  ::madvise(data, mapped_bytes_, MADV_HUGEPAGE);  // fewer TLB misses where the system allows it
  data_ = static_cast<std::byte*>(data);
}

KvCache::~KvCache() {
  ::munmap(data_, mapped_bytes_);
}

void* KvCache::keys(int layer) const {
  return data_ + layer * (layer_keys_ + layer_values_);
}

void* KvCache::values(int layer) const {
  return data_ + layer * (layer_keys_ + layer_values_) + layer_keys_;
}

void KvCache::copy(engine::BlockId from, engine::BlockId to) {
  std::memcpy(data_ + to * block_stride_, data_ + from * block_stride_, block_stride_);
}

void KvCache::prepare(engine::BlockId block) {
  constexpr std::size_t kPage = 4096;
  const std::size_t begin = block * block_stride_ / kPage * kPage;
  const std::size_t end = std::min<std::size_t>((block + 1) * block_stride_, mapped_bytes_);
  // Refused by kernels before 5.14: then the first use does it.
  static_cast<void>(::madvise(data_ + begin, end - begin, MADV_POPULATE_WRITE));
}

}  // namespace inkfleet::gpt2
