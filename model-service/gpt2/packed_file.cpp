#include "model-service/gpt2/packed_file.hpp"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "model-service/gpt2/xxh64.hpp"

namespace inkfleet::gpt2 {
namespace {

constexpr std::uint64_t kMagic = 0x314B434150464B49;  // "IKFPACK1"

/// The page's beginning; the key and zeros follow.
struct Fields {
  std::uint64_t magic;
  std::uint64_t header_checksum;  ///< xxh64 of the rest of the page
  std::uint64_t payload_bytes;
  std::uint64_t payload_checksum;
  std::uint64_t key_bytes;
};

constexpr std::size_t kLongestKey = kPackedPage - sizeof(Fields);

std::uint64_t header_checksum(std::span<const std::byte, kPackedPage> page) {
  return xxh64(page.subspan(offsetof(Fields, payload_bytes)));
}

[[noreturn]] void fail(const char* what, std::uint64_t expected, std::uint64_t found) {
  throw PackedFileError(std::string(what) + ": expected " + std::to_string(expected) + ", found " +
                        std::to_string(found));
}

}  // namespace

PackedPage write_packed_header(const PackedHeader& header) {
  if (header.key.size() > kLongestKey) {
    throw std::invalid_argument("packed weights: expected a key of at most " + std::to_string(kLongestKey) +
                                " bytes, found " + std::to_string(header.key.size()));
  }
  Fields fields{.magic = kMagic,
                .header_checksum = 0,
                .payload_bytes = header.payload_bytes,
                .payload_checksum = header.payload_checksum,
                .key_bytes = header.key.size()};
  PackedPage page{};
  std::memcpy(page.data(), &fields, sizeof fields);
  std::memcpy(page.data() + sizeof fields, header.key.data(), header.key.size());
  fields.header_checksum = header_checksum(page);
  std::memcpy(page.data(), &fields, sizeof fields);
  return page;
}

PackedHeader read_packed_header(std::span<const std::byte> beginning, std::uint64_t file_bytes) {
  if (file_bytes < kPackedPage || beginning.size() < kPackedPage) {
    fail("bytes of the header", kPackedPage, std::min<std::uint64_t>(file_bytes, beginning.size()));
  }
  const auto page = beginning.first<kPackedPage>();
  Fields fields;
  std::memcpy(&fields, page.data(), sizeof fields);
  if (fields.magic != kMagic)
    throw PackedFileError("expected a file of packed weights, found something else");
  if (fields.header_checksum != header_checksum(page)) {
    fail("checksum of the header", fields.header_checksum, header_checksum(page));
  }
  // A checksum is no proof that the numbers make sense.
  if (fields.payload_bytes != file_bytes - kPackedPage) {
    fail("bytes of the payload", fields.payload_bytes, file_bytes - kPackedPage);
  }
  if (fields.key_bytes > kLongestKey) {
    throw PackedFileError("bytes of the key: expected at most " + std::to_string(kLongestKey) + ", found " +
                          std::to_string(fields.key_bytes));
  }
  const auto* key = reinterpret_cast<const char*>(page.data() + sizeof fields);
  return {.key = {key, static_cast<std::size_t>(fields.key_bytes)},
          .payload_bytes = fields.payload_bytes,
          .payload_checksum = fields.payload_checksum};
}

std::uint64_t payload_checksum(std::span<const std::uint64_t> chunk_hashes) {
  return xxh64(std::as_bytes(chunk_hashes));
}

}  // namespace inkfleet::gpt2
