#pragma once

#include <cstdint>

#include "model-service/gpu/gpu_abi.h"

namespace inkfleet::gpu {

/// A configuration with what follows from it.
struct ModelShape {
  explicit ModelShape(const inkfleet_gpu_config& given)
      : config(given),
        head_dim(given.heads > 0 ? given.width / given.heads : 0),
        inner(padded(given.inner)),
        vocab(padded(given.vocab_size)) {
    while (block_shift < kLargestBlockShift && 1 << block_shift < given.block_tokens) ++block_shift;
  }

  inkfleet_gpu_config config;
  int head_dim;
  int inner;            ///< padded: columns and rows of zeros
  int vocab;            ///< padded likewise, of the output head
  int block_shift = 0;  ///< block_tokens = 1 << block_shift

  /// What kernels and cuBLAS want of a matrix's width.
  static int padded(int width) { return (width + 7) / 8 * 8; }

  [[nodiscard]] bool is_supported() const {
    return config.width > 0 && config.heads > 0 && config.layers > 0 && config.inner > 0 &&
           config.vocab_size > 0 && config.context_length > 0 && head_dim * config.heads == config.width &&
           head_dim % 8 == 0 && head_dim <= kWidestHead && 1 << block_shift == config.block_tokens &&
           (config.type == INKFLEET_GPU_FP16 || config.type == INKFLEET_GPU_BF16);
  }
  /// Numbers of a block of keys and values.
  [[nodiscard]] std::int64_t block_size() const {
    return std::int64_t{config.layers} * 2 * config.width * config.block_tokens;
  }
  [[nodiscard]] int blocks_for(int positions) const {
    return (positions + config.block_tokens - 1) / config.block_tokens;
  }
  [[nodiscard]] std::int64_t kv_block_bytes() const { return block_size() * 2; }

 private:
  static constexpr int kLargestBlockShift = 10;
  static constexpr int kWidestHead = 256;
};

}  // namespace inkfleet::gpu
