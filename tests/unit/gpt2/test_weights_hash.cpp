#include <sys/stat.h>

#include "model-service/gpt2/sha256.hpp"
#include "model-service/gpt2/weights_hash.hpp"
#include "tests/unit/gpt2/files.hpp"

namespace inkfleet::gpt2 {
namespace {

using namespace testing;

std::string sha256(std::string_view text) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(text)));
  return hash.hex_digest();
}

// The examples of FIPS 180-2, appendix B, and the empty message.
TEST(Sha256, EqualsThePublishedExamples) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnHowTheDataArrives) {
  const std::string text(300, 'x');
  Sha256 hash;
  for (std::size_t done = 0, part = 1; done < text.size(); done += part, part = part % 70 + 3) {
    hash.update(std::as_bytes(std::span(text).subspan(done, std::min(part, text.size() - done))));
  }
  EXPECT_EQ(hash.hex_digest(), sha256(text));
}

class WeightsHash : public ::testing::Test {
 protected:
  WeightsHash() {
    write_file(a_, "abc");
    write_file(b_, "");
  }

  /// Puts other bytes of the same size into the file and its old time back: only a look inside would tell.
  static void change_in_secret(const fs::path& path) {
    const auto time = fs::last_write_time(path);
    std::fstream(path, std::ios::in | std::ios::out) << "xyz";
    fs::last_write_time(path, time);
  }

  TemporaryFolder folder_;
  fs::path cache_ = folder_.path() / "cache";
  fs::path a_ = folder_.path() / "a";
  fs::path b_ = folder_.path() / "b";
  const std::string of_abc_ = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
};

TEST_F(WeightsHash, IsWhatSha256sumPrints) {
  EXPECT_EQ(weights_hash({a_}, cache_), of_abc_);
  // (cd folder; sha256sum a b | sha256sum)
  EXPECT_EQ(weights_hash({b_, a_}, cache_),
            "sha256:" + sha256(of_abc_.substr(7) + "  a\n" + sha256("") + "  b\n"));
}

// Turns red when: the cache is not read, or its entry does not tell times apart.
TEST_F(WeightsHash, IsComputedOnceForAFileThatStays) {
  EXPECT_EQ(weights_hash({a_}, cache_), of_abc_);
  change_in_secret(a_);
  EXPECT_EQ(weights_hash({a_}, cache_), of_abc_);
  fs::last_write_time(a_, fs::last_write_time(a_) + std::chrono::seconds(1));
  EXPECT_EQ(weights_hash({a_}, cache_), "sha256:" + sha256("xyz"));
}

TEST_F(WeightsHash, IsComputedAgainForAReplacedFile) {
  EXPECT_EQ(weights_hash({a_}, cache_), of_abc_);
  const auto time = fs::last_write_time(a_);
  write_file(folder_.path() / "new", "xyz");
  fs::rename(folder_.path() / "new", a_);
  fs::last_write_time(a_, time);
  EXPECT_EQ(weights_hash({a_}, cache_), "sha256:" + sha256("xyz"));
}

TEST_F(WeightsHash, NeedsNoCache) {
  EXPECT_EQ(weights_hash({a_}, ""), of_abc_);
  EXPECT_EQ(weights_hash({a_}, a_), of_abc_);  // a file where the folder should be
}

TEST_F(WeightsHash, IgnoresADamagedCache) {
  EXPECT_EQ(weights_hash({a_}, cache_), of_abc_);
  for (const auto& entry : fs::recursive_directory_iterator(cache_)) {
    if (entry.is_regular_file()) write_file(entry.path(), "x\ny\n");
  }
  EXPECT_EQ(weights_hash({a_}, cache_), of_abc_);
}

TEST_F(WeightsHash, NamesAFileThatIsMissing) {
  const fs::path missing = folder_.path() / "missing";
  EXPECT_EQ(error_of([&] { weights_hash({missing}, cache_); }), missing.string() + ": cannot stat");
}

}  // namespace
}  // namespace inkfleet::gpt2
