// The header of a file of packed weights: what is read is written as the same page; damage is refused.

#include <algorithm>
#include <cstring>

#include "model-service/gpt2/packed_file.hpp"
#include "model-service/gpt2/xxh64.hpp"
#include "tests/fuzz/fuzz.hpp"

using inkfleet::fuzz::require;
using namespace inkfleet::gpt2;

namespace {

/// Where the page has its checksum, and where that begins to count.
constexpr std::size_t kChecksum = 8, kChecked = 16;

void check(std::span<const std::byte> beginning, std::uint64_t file_bytes) {
  PackedHeader header;
  try {
    header = read_packed_header(beginning, file_bytes);
  } catch (const PackedFileError& error) {
    require(std::string_view(error.what()).find("expected") != std::string_view::npos,
            "an error says what was expected");
    return;
  }
  require(header.payload_bytes == file_bytes - kPackedPage, "the payload is all there");
  const auto page = write_packed_header(header);
  require(read_packed_header(page, file_bytes) == header, "read, written, read: equal");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  check(input, size);

  // As a whole page whose checksum fits: mutations never guess one. The page's own number says how long the
  // file is.
  PackedPage page{};
  std::copy_n(input.begin(), std::min(input.size(), page.size()), page.begin());
  const std::uint64_t checksum = xxh64(std::span(page).subspan(kChecked));
  std::memcpy(page.data() + kChecksum, &checksum, sizeof checksum);
  std::uint64_t payload = 0;
  std::memcpy(&payload, page.data() + kChecked, sizeof payload);
  check(page, kPackedPage + payload);
  page[kPackedPage - 1] ^= std::byte{1};
  check(page, kPackedPage + payload);
  return 0;
}
