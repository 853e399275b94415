#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace inkfleet::gpt2 {

/// SHA-256 (FIPS 180-4), here so that an engine-only build needs no OpenSSL.
class Sha256 {
 public:
  void update(std::span<const std::byte> data);
  /// 64 lower-case hexadecimal digits. Ends the computation.
  std::string hex_digest();

 private:
  static constexpr std::size_t kBlock = 64;

  void compress(const std::byte* block);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, kBlock> buffer_{};
  std::size_t buffered_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace inkfleet::gpt2
