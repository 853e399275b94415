#include "model-service/gpt2/packed_cache.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <torch/headeronly/version.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <future>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "model-service/gpt2/kernels/int8.hpp"
#include "model-service/gpt2/packed_file.hpp"
#include "model-service/gpt2/sha256.hpp"
#include "model-service/gpt2/weights_hash.hpp"
#include "model-service/gpt2/xxh64.hpp"

namespace inkfleet::gpt2 {
namespace {

namespace fs = std::filesystem;

/// Beyond, reading from the page cache gets no faster.
constexpr unsigned kMostThreads = 4;

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

/// A file that is removed unless it gets its name.
class TemporaryFile {
 public:
  explicit TemporaryFile(const fs::path& like)
      : path_(like.string() + ".XXXXXX"), file_(::mkostemp(path_.data(), O_CLOEXEC)) {
    if (file_.get() < 0) fail("cannot create");
  }
  ~TemporaryFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  [[nodiscard]] int fd() const { return file_.get(); }
  void rename_to(const fs::path& name) {
    if (::fsync(fd()) != 0) fail("cannot write");
    if (::rename(path_.c_str(), name.c_str()) != 0) fail("cannot rename");
    path_.clear();
  }

 private:
  std::string path_;  // before file_, which needs it; empty: renamed
  Descriptor file_;
};

void write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail("cannot write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void read_all(int fd, std::uint64_t offset, std::span<std::byte> to) {
  while (!to.empty()) {
    const ssize_t got = ::pread(fd, to.data(), to.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("cannot read");
    if (got == 0) throw PackedFileError("became shorter while it was read");
    to = to.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
}

/// The hashes of `count` chunks, hash(chunk) being called on several threads.
template <class Function>
std::vector<std::uint64_t> hash_chunks(std::size_t count, const Function& hash) {
  std::vector<std::uint64_t> hashes(count);
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) hashes[i] = hash(i);
  };
  std::vector<std::future<void>> others;
  for (unsigned i = 1; i < std::min(std::thread::hardware_concurrency(), kMostThreads); ++i) {
    others.push_back(std::async(std::launch::async, work));
  }
  work();
  for (auto& other : others) other.get();
  return hashes;
}

std::span<std::byte> chunk_of(std::span<std::byte> bytes, std::size_t chunk) {
  const std::size_t begin = chunk * kPackedChunk;
  return bytes.subspan(begin, std::min(kPackedChunk, bytes.size() - begin));
}

/// Checks the file behind `fd`, not its name, which may mean another one by now.
std::uint64_t check_file(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) fail("cannot stat");
  if (!S_ISREG(info.st_mode)) throw PackedFileError("expected a file, found something else");
  if (info.st_uid != ::geteuid() && info.st_uid != 0) {
    throw PackedFileError("expected a file of this user or root, found one of user " +
                          std::to_string(info.st_uid));
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) throw PackedFileError("others may write it");
  return static_cast<std::uint64_t>(info.st_size);
}

PackedHeader read_header(int fd) {
  const std::uint64_t size = check_file(fd);
  PackedPage page{};
  if (size >= page.size()) read_all(fd, 0, page);
  return read_packed_header(page, size);
}

/// Hashes a part of the file without keeping it.
std::uint64_t hash_chunk_of_file(int fd, std::size_t chunk) {
  thread_local std::vector<std::byte> buffer(kPackedChunk);
  read_all(fd, kPackedPage + chunk * kPackedChunk, buffer);
  return xxh64(buffer);
}

}  // namespace

fs::path default_packed_cache() {
  const fs::path home = default_hash_cache();
  return home.empty() ? home : home / "packed";
}

std::string to_string(const PackedKey& key) {
  std::string text = "inkfleet packed weights, packing " + std::to_string(kPackingVersion) + "\n";
  const auto line = [&text](const char* name, const std::string& value) {
    text += std::string(name) + " " + value + "\n";
  };
  line("weights", key.weights_hash);
  line("dtype", key.dtype);
  line("weight_limit", std::to_string(key.weight_limit));
  line("panel", std::to_string(kPanelColumns) + "x" + std::to_string(kLaneDepth));
  line("tables", key.wte_dtype + " " + key.wpe_dtype);
  line("vocab_size", std::to_string(key.config.vocab_size));
  line("n_positions", std::to_string(key.config.context_length));
  line("n_embd", std::to_string(key.config.width));
  line("n_layer", std::to_string(key.config.layers));
  line("n_inner", std::to_string(key.config.inner));
  line("tie_word_embeddings", key.config.tied_head ? "true" : "false");
  line("libtorch", TORCH_VERSION);
  return text;
}

PackedCache::PackedCache(const fs::path& folder, std::string key) : folder_(folder), key_(std::move(key)) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(key_)));
  path_ = folder_ / (hash.hex_digest().substr(0, 32) + ".packed");
}

std::optional<WeightMemory> PackedCache::load(const WeightSizes& sizes) const {
  const Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.get() < 0 && errno == ENOENT) return std::nullopt;
  if (file.get() < 0) fail("cannot open");
  const PackedHeader header = read_header(file.get());
  if (header.key != key_) throw PackedFileError("it was made for something else");
  const std::uint64_t payload = sizes.tables + sizes.matrices;
  if (header.payload_bytes != payload) {
    throw PackedFileError("bytes of the payload: expected " + std::to_string(payload) + ", found " +
                          std::to_string(header.payload_bytes));
  }
  PackedMemory matrices(sizes.matrices);
  const std::size_t tables_chunks = chunk_count(sizes.tables);
  const auto hashes = hash_chunks(chunk_count(payload), [&](std::size_t i) {
    if (i < tables_chunks) return hash_chunk_of_file(file.get(), i);
    const auto to = chunk_of(matrices.bytes(), i - tables_chunks);
    read_all(file.get(), kPackedPage + i * kPackedChunk, to);
    return xxh64(to);
  });
  if (payload_checksum(hashes) != header.payload_checksum) {
    throw PackedFileError("its checksum does not fit: damaged");
  }
  return WeightMemory{PackedMemory::map(file.get(), kPackedPage, sizes.tables), std::move(matrices)};
}

void PackedCache::store(const WeightMemory& memory) const {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) throw std::runtime_error("cannot create its folder: " + error.message());
  const auto tables = memory.tables.bytes();
  const auto matrices = memory.matrices.bytes();
  const std::size_t tables_chunks = chunk_count(tables.size());
  const auto hashes = hash_chunks(tables_chunks + chunk_count(matrices.size()), [&](std::size_t i) {
    return xxh64(i < tables_chunks ? chunk_of(tables, i) : chunk_of(matrices, i - tables_chunks));
  });
  TemporaryFile file(path_);
  write_all(file.fd(), write_packed_header({.key = key_,
                                            .payload_bytes = tables.size() + matrices.size(),
                                            .payload_checksum = payload_checksum(hashes)}));
  write_all(file.fd(), tables);
  write_all(file.fd(), matrices);
  file.rename_to(path_);
}

}  // namespace inkfleet::gpt2
