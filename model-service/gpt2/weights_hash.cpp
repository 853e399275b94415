#include "model-service/gpt2/weights_hash.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "model-service/gpt2/mapped_file.hpp"
#include "model-service/gpt2/sha256.hpp"

namespace inkfleet::gpt2 {
namespace {

namespace fs = std::filesystem;

std::string sha256_of(std::string_view text) {
  Sha256 hash;
  hash.update(std::as_bytes(std::span(text)));
  return hash.hex_digest();
}

std::string sha256_of_file(const fs::path& path) {
  const MappedFile file(path);
  Sha256 hash;
  hash.update(file.bytes());
  return hash.hex_digest();
}

/// Size, time of change and inode in one line: equal as long as the file was not written or replaced.
std::string identity_of(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) throw std::runtime_error(path.string() + ": cannot stat");
  std::ostringstream line;
  line << info.st_size << ' ' << info.st_mtim.tv_sec << '.' << info.st_mtim.tv_nsec << ' ' << info.st_dev
       << ':' << info.st_ino;
  return line.str();
}

/// The cache holds a file per weight file, named by the hash of its path: identity, newline, hash.
fs::path entry_of(const fs::path& cache, const fs::path& file) {
  return cache / "weights-hash" / sha256_of(fs::absolute(file).lexically_normal().string()).substr(0, 32);
}

std::optional<std::string> recall(const fs::path& entry, const std::string& identity) {
  std::ifstream stream(entry);
  std::string kept, hash;
  if (!std::getline(stream, kept) || !std::getline(stream, hash)) return std::nullopt;
  if (kept != identity || hash.size() != 64) return std::nullopt;
  return hash;
}

void remember(const fs::path& entry, const std::string& identity, const std::string& hash) {
  std::error_code ignored;
  fs::create_directories(entry.parent_path(), ignored);
  // Several services may start at once: write aside, then rename.
  const fs::path aside = entry.string() + "." + std::to_string(::getpid());
  std::ofstream stream(aside);
  stream << identity << '\n' << hash << '\n';
  stream.close();
  if (stream) {
    fs::rename(aside, entry, ignored);
  } else {
    fs::remove(aside, ignored);
  }
}

std::string hash_of(const fs::path& file, const fs::path& cache) {
  const std::string identity = identity_of(file);
  if (cache.empty()) return sha256_of_file(file);
  const fs::path entry = entry_of(cache, file);
  if (auto kept = recall(entry, identity)) return *kept;
  const std::string hash = sha256_of_file(file);
  // A file that was written meanwhile has no identity to keep its hash under.
  if (identity_of(file) == identity) remember(entry, identity, hash);
  return hash;
}

}  // namespace

fs::path default_hash_cache() {
  if (const char* xdg = std::getenv("XDG_CACHE_HOME"); xdg != nullptr && *xdg != '\0')
    return fs::path(xdg) / "inkfleet";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    return fs::path(home) / ".cache/inkfleet";
  return {};
}

std::string weights_hash(std::vector<fs::path> files, const fs::path& cache) {
  std::sort(files.begin(), files.end());
  if (files.size() == 1) return "sha256:" + hash_of(files.front(), cache);
  std::string lines;
  for (const fs::path& file : files) lines += hash_of(file, cache) + "  " + file.filename().string() + "\n";
  return "sha256:" + sha256_of(lines);
}

}  // namespace inkfleet::gpt2
