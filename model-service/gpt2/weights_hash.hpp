#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace inkfleet::gpt2 {

/// Where hashes are kept: $XDG_CACHE_HOME/inkfleet, else ~/.cache/inkfleet; empty when there is no home.
std::filesystem::path default_hash_cache();

/// "sha256:" and the content hash of the weight files: of one file what `sha256sum FILE` prints, of several
/// what `sha256sum FILES | sha256sum` prints in their folder, the names sorted.
///
/// Hashing takes seconds a gigabyte, so the hash of each file is kept in `cache` with the file's size, time
/// of change and inode, and computed again only when one of these differs. A cache that cannot be read or
/// written is no error. Throws std::runtime_error when a weight file cannot be read.
std::string weights_hash(std::vector<std::filesystem::path> files,
                         const std::filesystem::path& cache = default_hash_cache());

}  // namespace inkfleet::gpt2
