#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "model-service/gpt2/config.hpp"
#include "model-service/gpt2/packed_memory.hpp"

namespace inkfleet::gpt2 {

/// Where load_model keeps packed weights between starts, and what it says about it.
struct PackedCacheOptions {
  std::filesystem::path folder;  ///< made when it is not there; empty: nothing is kept
  std::string weights_hash;      ///< weights_hash() of the checkpoint's files, made before they are opened
  std::function<void(const std::string&)> inform = {};  ///< of where the weights came from; may be empty
  std::function<void(const std::string&)> warn = {};    ///< of files that cannot be used or written
};

/// $XDG_CACHE_HOME/inkfleet/packed, else ~/.cache/inkfleet/packed; empty when there is no home.
std::filesystem::path default_packed_cache();

/// To be raised with every change of what pack() writes or of the order in which load_weights lays it out.
inline constexpr int kPackingVersion = 1;

/// All that packed weights depend on.
struct PackedKey {
  std::string weights_hash;
  std::string dtype;
  int weight_limit = 0;  ///< all that instruction sets differ in: see int8.hpp
  std::string wte_dtype;
  std::string wpe_dtype;
  Config config;  ///< of which the shapes count
};

std::string to_string(const PackedKey& key);

/// A file of packed weights, named by its key.
///
/// It is only trusted when it belongs to this user or root, nobody else may write it, its key is the one
/// asked for, and checksums of header and payload fit. It is written aside and renamed, so that services that
/// start at once never see a part of it, and one that has it open keeps what it has.
class PackedCache {
 public:
  PackedCache(const std::filesystem::path& folder, std::string key);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// What the file holds; nothing when there is none. The tables are mapped: a step needs a few of their
  /// rows, and services share the pages. The matrices are read into huge pages: from the small pages of a
  /// mapped file a decode step of a gpt2-medium took 6.5% more CPU time (1 and 5 rows, AVX512-VNNI). Throws
  /// std::runtime_error saying why one is not used.
  [[nodiscard]] std::optional<WeightMemory> load(const WeightSizes& sizes) const;

  /// Throws std::runtime_error saying why it could not be written; an older file is then as it was.
  void store(const WeightMemory& memory) const;

 private:
  std::filesystem::path folder_;
  std::string key_;
  std::filesystem::path path_;
};

}  // namespace inkfleet::gpt2
