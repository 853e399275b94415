// Packed weights kept between starts: what is taken from the cache, what is not, and what a model computes.
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "model-service/gpt2/checkpoint.hpp"
#include "model-service/gpt2/packed_cache.hpp"
#include "model-service/gpt2/packed_file.hpp"
#include "model-service/gpt2/weights_hash.hpp"
#include "tests/unit/gpt2/support.hpp"

namespace inkfleet::gpt2 {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

PackedKey some_key() {
  return {.weights_hash = "sha256:abc",
          .dtype = "int8",
          .weight_limit = 127,
          .wte_dtype = "F16",
          .wpe_dtype = "F16",
          .config = {
              .vocab_size = 1000, .context_length = 128, .width = 64, .layers = 2, .heads = 2, .inner = 256}};
}

TEST(PackedKey, DiffersWithAllThatThePackedBytesDependOn) {
  std::set<std::string> keys{to_string(some_key())};
  const auto changed = [&keys](auto change) {
    PackedKey key = some_key();
    change(key);
    return keys.insert(to_string(key)).second;
  };
  EXPECT_FALSE(changed([](PackedKey&) {}));
  EXPECT_TRUE(changed([](PackedKey& key) { key.weights_hash = "sha256:abd"; }));
  EXPECT_TRUE(changed([](PackedKey& key) { key.dtype = "int4"; }));
  EXPECT_TRUE(changed([](PackedKey& key) { key.weight_limit = 64; }));
  EXPECT_TRUE(changed([](PackedKey& key) { key.wte_dtype = "BF16"; }));
  EXPECT_TRUE(changed([](PackedKey& key) { key.wpe_dtype = "BF16"; }));
  EXPECT_TRUE(changed([](PackedKey& key) { ++key.config.vocab_size; }));
  EXPECT_TRUE(changed([](PackedKey& key) { ++key.config.context_length; }));
  EXPECT_TRUE(changed([](PackedKey& key) { ++key.config.width; }));
  EXPECT_TRUE(changed([](PackedKey& key) { ++key.config.layers; }));
  EXPECT_TRUE(changed([](PackedKey& key) { ++key.config.inner; }));
  EXPECT_TRUE(changed([](PackedKey& key) { key.config.tied_head = false; }));
  EXPECT_FALSE(changed([](PackedKey& key) { key.config.layer_norm_epsilon = 1; }));  // read at each start
}

std::string bytes_of(const PackedMemory& memory) {
  const auto bytes = memory.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Memory of those sizes, each byte depending on its place and on `salt`.
WeightMemory filled(const WeightSizes& sizes, int salt) {
  WeightMemory memory{PackedMemory(sizes.tables), PackedMemory(sizes.matrices)};
  for (const auto& part : {memory.tables.bytes(), memory.matrices.bytes()}) {
    for (std::size_t i = 0; i < part.size(); ++i)
      part[i] = static_cast<std::byte>(i * i / 7 + i / 251 + salt);
  }
  return memory;
}

class PackedCacheTest : public ::testing::Test {
 protected:
  PackedCacheTest() { cache_.store(written_); }

  [[nodiscard]] bool holds(const WeightMemory& expected) const {
    const auto found = cache_.load(kSizes);
    return found && bytes_of(found->tables) == bytes_of(expected.tables) &&
           bytes_of(found->matrices) == bytes_of(expected.matrices);
  }

  /// Expects that the file is refused for that reason, and replaced by a good one.
  void expect_refused(const std::string& reason) const {
    EXPECT_THAT(error_of([&] { static_cast<void>(cache_.load(kSizes)); }), HasSubstr(reason));
    cache_.store(written_);
    EXPECT_TRUE(holds(written_)) << reason;
  }

  void flip(std::size_t offset) const {
    std::fstream file(cache_.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(file.get() ^ 0x10);
    file.seekp(static_cast<std::streamoff>(offset)).put(byte);
  }

  /// Files in the folder.
  [[nodiscard]] std::size_t files() const {
    return std::distance(fs::directory_iterator(cache_.path().parent_path()), fs::directory_iterator());
  }

  static constexpr WeightSizes kSizes{.tables = 2 * kPackedChunk, .matrices = 2 * kPackedChunk + 64 * 777};
  TemporaryFolder folder_;
  const WeightMemory written_ = filled(kSizes, 1);
  const PackedCache cache_{folder_.path() / "a/b", "some key"};
};

TEST_F(PackedCacheTest, HoldsWhatWasStored) {
  EXPECT_TRUE(holds(written_));
  EXPECT_EQ(fs::file_size(cache_.path()), kPackedPage + kSizes.tables + kSizes.matrices);
  EXPECT_EQ(fs::status(cache_.path()).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(PackedCacheTest, HasNothingUnderAnotherKey) {
  EXPECT_FALSE(PackedCache(folder_.path() / "a/b", "other key").load(kSizes));
  EXPECT_FALSE(PackedCache(folder_.path() / "elsewhere", "some key").load(kSizes));
}

// Turns red when: only the file's name tells keys apart.
TEST_F(PackedCacheTest, RefusesAFileOfAnotherKeyUnderItsName) {
  const PackedCache other(folder_.path() / "a/b", "other key");
  other.store(written_);
  fs::rename(other.path(), cache_.path());
  expect_refused("made for something else");
}

TEST_F(PackedCacheTest, RefusesATruncatedFile) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{100}, kPackedPage,
                                 kPackedPage + 1, kPackedPage + kSizes.tables + kSizes.matrices - 1}) {
    fs::resize_file(cache_.path(), size);
    expect_refused("expected");
  }
}

TEST_F(PackedCacheTest, RefusesAFileThatIsTooLong) {
  fs::resize_file(cache_.path(), fs::file_size(cache_.path()) + 1);
  expect_refused("bytes of the payload");
}

// Turns red when: the payload's checksum, or a chunk's, is not compared.
TEST_F(PackedCacheTest, RefusesAChangedBitAnywhere) {
  for (const std::size_t offset : {0U, 8U, 16U, 24U, 32U, 40U, 4095U}) {
    flip(offset);
    expect_refused("expected");
  }
  for (std::size_t offset = kPackedPage; offset < fs::file_size(cache_.path()); offset += kPackedChunk / 2) {
    flip(offset);
    expect_refused("damaged");
  }
  flip(fs::file_size(cache_.path()) - 1);
  expect_refused("damaged");
}

TEST_F(PackedCacheTest, RefusesAFileThatOthersMayWrite) {
  for (const mode_t mode : {0660, 0606}) {
    ASSERT_EQ(::chmod(cache_.path().c_str(), mode), 0);
    expect_refused("others may write it");
  }
}

TEST_F(PackedCacheTest, RefusesAFileOfAnotherUser) {
  if (::chown(cache_.path().c_str(), 12345, static_cast<gid_t>(-1)) != 0)
    GTEST_SKIP() << "only root can tell";
  expect_refused("found one of user 12345");
}

TEST_F(PackedCacheTest, RefusesWhatIsNoFile) {
  fs::rename(cache_.path(), folder_.path() / "aside");
  fs::create_symlink(folder_.path() / "aside", cache_.path());
  expect_refused("cannot open");
  fs::remove(cache_.path());
  ASSERT_EQ(::mkfifo(cache_.path().c_str(), 0600), 0);
  expect_refused("found something else");
}

TEST_F(PackedCacheTest, RefusesOtherSizesThanAskedFor) {
  for (const WeightSizes& sizes : {WeightSizes{kSizes.tables, kSizes.matrices + 64},
                                   WeightSizes{kSizes.tables + kPackedChunk, kSizes.matrices}}) {
    EXPECT_THAT(error_of([&] { static_cast<void>(cache_.load(sizes)); }), HasSubstr("bytes of the payload"));
  }
}

// Turns red when: the file is written in place.
TEST_F(PackedCacheTest, LeavesAnOpenFileAsItWas) {
  const auto open = cache_.load(kSizes);
  cache_.store(filled(kSizes, 2));
  EXPECT_EQ(bytes_of(open->tables), bytes_of(written_.tables));
  EXPECT_TRUE(holds(filled(kSizes, 2)));
}

// Turns red when: all write aside under the same name, or in place.
TEST_F(PackedCacheTest, IsWholeAtAnyMomentWhileManyWrite) {
  std::vector<std::thread> writers;
  std::atomic<int> writing{3};
  for (int i = 0; i < 3; ++i) {
    writers.emplace_back([&, i] {
      const auto own = filled(kSizes, i + 2);
      for (int turn = 0; turn < 10; ++turn) cache_.store(own);
      --writing;
    });
  }
  while (writing > 0) EXPECT_TRUE(cache_.load(kSizes));  // throws for a part of a file
  for (auto& writer : writers) writer.join();
  EXPECT_TRUE(holds(filled(kSizes, 2)) || holds(filled(kSizes, 3)) || holds(filled(kSizes, 4)));
  EXPECT_EQ(files(), 1U);
}

TEST_F(PackedCacheTest, LeavesNothingBehindWhenItCannotWrite) {
  const fs::path blocked = folder_.path() / "file";
  write_file(blocked, "");
  EXPECT_THAT(error_of([&] { PackedCache(blocked, "some key").store(written_); }), HasSubstr("folder"));
  // A folder in the file's place: all is written, then cannot be renamed.
  fs::remove(cache_.path());
  fs::create_directories(cache_.path() / "x");
  EXPECT_THAT(error_of([&] { cache_.store(written_); }), HasSubstr("cannot rename"));
  EXPECT_EQ(files(), 1U);
}

/// A model loaded with a cache, and what was said about it.
class PackedModel : public ::testing::Test {
 protected:
  PackedModel() { ::setenv("XDG_CACHE_HOME", (folder_.path() / "home").c_str(), 1); }
  ~PackedModel() override { ::unsetenv("XDG_CACHE_HOME"); }

  std::vector<float> logits(const fs::path& cache, ComputeType dtype = ComputeType::kInt8) {
    said_.clear();
    warnings_.clear();
    const auto model = load_model(
        model_folder_, {.dtype = dtype,
                        .threads = 2,
                        .kv_bytes = std::size_t{64} << 20,
                        .packed_cache = {.folder = cache,
                                         .weights_hash = weights_hash(find_weight_files(model_folder_)),
                                         .inform = [this](const std::string& line) { said_ += line; },
                                         .warn = [this](const std::string& line) { warnings_ += line; }}});
    const std::vector<TokenId> ids{5, 77, 8000, 13, 4242, 1, 0};
    return prefill(*model, ids, Blocks(*model).take_for(ids.size()));
  }

  [[nodiscard]] fs::path only_file() const { return fs::directory_iterator(cache_)->path(); }

  TemporaryFolder folder_;
  fs::path cache_ = folder_.path() / "cache";
  fs::path model_folder_ = kSource / "models/gpt2-demo";
  std::string said_, warnings_;
};

// Turns red when: parts are read in another order than they were laid out.
TEST_F(PackedModel, HasTheSameBitsFromTheCacheAndWithout) {
  const auto expected = logits("");
  EXPECT_THAT(said_, HasSubstr("not kept: no packed cache"));
  EXPECT_EQ(logits(cache_), expected);
  EXPECT_THAT(said_, HasSubstr("kept in " + only_file().string()));
  EXPECT_EQ(logits(cache_), expected);
  EXPECT_THAT(said_, StartsWith("packed weights taken from " + only_file().string()));
  EXPECT_EQ(warnings_, "");
}

TEST_F(PackedModel, IsPackedAnewWhenTheFileIsDamagedAndSaysSoOnce) {
  const auto expected = logits(cache_);
  fs::resize_file(only_file(), 1'000'000);
  EXPECT_EQ(logits(cache_), expected);
  EXPECT_THAT(warnings_, StartsWith(only_file().string() + ": not used, weights are packed anew: "));
  EXPECT_EQ(logits(cache_), expected);
  EXPECT_EQ(warnings_, "");
  EXPECT_THAT(said_, HasSubstr("taken from"));
}

TEST_F(PackedModel, LoadsWithoutAFolderToWriteTo) {
  write_file(cache_, "a file where the folder should be");
  EXPECT_EQ(logits(cache_), logits(""));
  logits(cache_ / "below");
  EXPECT_THAT(warnings_, HasSubstr("not kept"));
}

TEST_F(PackedModel, LoadsFromAReadOnlyFolder) {
  if (::geteuid() == 0) GTEST_SKIP() << "root writes everywhere";
  const auto expected = logits("");
  fs::create_directory(cache_);
  fs::permissions(cache_, fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_EQ(logits(cache_), expected);
  EXPECT_THAT(warnings_, HasSubstr("cannot create: Permission denied"));
}

// Turns red when: weights are looked up by the file's name alone.
TEST_F(PackedModel, KeepsOtherWeightsInAnotherFile) {
  const auto first = logits(cache_);
  model_folder_ = folder_.path() / "model";
  fs::copy(kSource / "models/gpt2-demo", model_folder_);
  std::string bytes = read_file(model_folder_ / "model.safetensors");
  bytes[bytes.size() - 1000] ^= 1;
  write_file(model_folder_ / "model.safetensors", bytes);
  EXPECT_EQ(logits(cache_), logits(""));
  EXPECT_EQ(std::distance(fs::directory_iterator(cache_), fs::directory_iterator()), 2);
}

TEST_F(PackedModel, OfFp32NeedsNoCache) {
  logits(cache_, ComputeType::kFp32);
  EXPECT_FALSE(fs::exists(cache_));
}

// Turns red when: what is kept under a hash may have been read from other files.
TEST_F(PackedModel, IsNotKeptUnderAHashThatItDoesNotHave) {
  const auto load = [&](const std::string& hash) {
    load_model(model_folder_, {.dtype = ComputeType::kInt8,
                               .kv_bytes = std::size_t{64} << 20,
                               .packed_cache = {.folder = cache_, .weights_hash = hash}});
  };
  load("sha256:of an older file");
  EXPECT_FALSE(fs::exists(cache_));
}

}  // namespace
}  // namespace inkfleet::gpt2
