#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

/// The format of a file of packed weights: one page of header, then the payload as it lies in memory. Where
/// what begins in the payload follows from the key; the file holds no offsets. Nothing here does I/O, so that
/// it can be given any bytes.
namespace inkfleet::gpt2 {

/// The payload begins, and its parts begin, at multiples of this in the file.
inline constexpr std::size_t kPackedPage = 4096;
/// Checksums are made of so many bytes at a time.
inline constexpr std::size_t kPackedChunk = std::size_t{1} << 20;

using PackedPage = std::array<std::byte, kPackedPage>;

struct PackedHeader {
  std::string key;  ///< all that the payload was made of and for, as text
  std::uint64_t payload_bytes = 0;
  std::uint64_t payload_checksum = 0;  ///< payload_checksum() of its chunks

  bool operator==(const PackedHeader&) const = default;
};

/// Says what was expected and found. What a damaged or foreign file ends in.
class PackedFileError : public std::runtime_error {
  using runtime_error::runtime_error;
};

/// Throws std::invalid_argument for a key that does not fit on the page.
PackedPage write_packed_header(const PackedHeader& header);

/// Reads the header of a file of `file_bytes`, of which `beginning` are the first (at least kPackedPage, or
/// all). Throws PackedFileError unless it is a whole header of this version and the payload is all there.
PackedHeader read_packed_header(std::span<const std::byte> beginning, std::uint64_t file_bytes);

/// Of the xxh64 of each kPackedChunk of the payload, the last one shorter: several threads can compute them.
std::uint64_t payload_checksum(std::span<const std::uint64_t> chunk_hashes);

constexpr std::size_t chunk_count(std::size_t bytes) {
  return (bytes + kPackedChunk - 1) / kPackedChunk;
}

}  // namespace inkfleet::gpt2
