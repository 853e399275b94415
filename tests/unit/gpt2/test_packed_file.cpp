// The format of packed weights, without any file.
#include "model-service/gpt2/packed_file.hpp"
#include "model-service/gpt2/xxh64.hpp"
#include "tests/unit/gpt2/files.hpp"

namespace inkfleet::gpt2 {
namespace {

using namespace testing;

std::uint64_t hash_of(std::string_view text) {
  return xxh64(std::as_bytes(std::span(text)));
}

// What `xxhsum -H1` prints.
TEST(Xxh64, EqualsTheReferenceProgram) {
  EXPECT_EQ(hash_of(""), 0xef46db3751d8e999);
  EXPECT_EQ(hash_of("a"), 0xd24ec4f1a98c6e5b);
  EXPECT_EQ(hash_of("abc"), 0x44bc2cf5ad770999);
  std::string text;
  for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * 7);
  for (const auto& [length, expected] :
       std::vector<std::pair<std::size_t, std::uint64_t>>{{31, 0x0f187c62b1e722b7},
                                                          {32, 0x91b0cb0931a8c629},
                                                          {33, 0x931b043cf8d65b94},
                                                          {36, 0xff889616afdd68c2},
                                                          {47, 0x980974feb2a7370d},
                                                          {63, 0x219110bf13e2fa26},
                                                          {64, 0xbf3052e3445775d0},
                                                          {100, 0x8e2272c08247d5db},
                                                          {1000, 0x25275608a9cfc168}}) {
    EXPECT_EQ(hash_of(text.substr(0, length)), expected) << length;
  }
}

constexpr std::uint64_t kPayload = 12345;

class PackedFile : public ::testing::Test {
 protected:
  const PackedHeader header_{.key = "weights sha256:abc\ndtype int8\n",
                             .payload_bytes = kPayload,
                             .payload_checksum = 0x0123456789abcdef};
  PackedPage page_ = write_packed_header(header_);
};

TEST_F(PackedFile, IsReadAsItWasWritten) {
  EXPECT_EQ(read_packed_header(page_, kPackedPage + kPayload), header_);
}

TEST_F(PackedFile, HasAKeyThatFitsOnAPage) {
  for (std::size_t size = 0; size <= kPackedPage; size += 8) {
    const PackedHeader header{.key = std::string(size, 'k'), .payload_bytes = 0, .payload_checksum = 0};
    if (size <= kPackedPage - 40) {
      EXPECT_EQ(read_packed_header(write_packed_header(header), kPackedPage), header);
    } else {
      EXPECT_THROW(write_packed_header(header), std::invalid_argument) << size;
    }
  }
}

// Turns red when: a field, the key or the zeros behind it are left out of the header's checksum.
TEST_F(PackedFile, IsRefusedWithAnyBitOfTheHeaderChanged) {
  for (std::size_t bit = 0; bit < kPackedPage * 8; ++bit) {
    PackedPage changed = page_;
    changed[bit / 8] ^= std::byte(1U << bit % 8);
    EXPECT_THROW(read_packed_header(changed, kPackedPage + kPayload), PackedFileError) << bit;
  }
}

// Turns red when: the file's size is not looked at.
TEST_F(PackedFile, IsRefusedWithAnyOtherSize) {
  for (const std::uint64_t size :
       {std::uint64_t{0}, std::uint64_t{1}, kPackedPage - std::uint64_t{1}, std::uint64_t{kPackedPage},
        kPackedPage + kPayload - 1, kPackedPage + kPayload + 1, UINT64_MAX}) {
    EXPECT_THROW(read_packed_header(page_, size), PackedFileError) << size;
  }
  for (const std::size_t size : {0U, 1U, 39U, 40U, 4095U}) {
    EXPECT_THROW(read_packed_header(std::span(page_).first(size), kPackedPage + kPayload), PackedFileError);
  }
}

// Turns red when: the key's length is believed because the checksum fits.
TEST_F(PackedFile, IsRefusedWithAKeyThatLeavesThePage) {
  for (const std::uint64_t bytes :
       {std::uint64_t{kPackedPage - 39}, std::uint64_t{kPackedPage}, UINT64_MAX}) {
    PackedPage forged = page_;
    std::memcpy(forged.data() + 32, &bytes, sizeof bytes);
    const std::uint64_t checksum = xxh64(std::span(forged).subspan(16));
    std::memcpy(forged.data() + 8, &checksum, sizeof checksum);
    EXPECT_THAT(error_of([&] { read_packed_header(forged, kPackedPage + kPayload); }),
                ::testing::HasSubstr("bytes of the key"));
  }
}

}  // namespace
}  // namespace inkfleet::gpt2
