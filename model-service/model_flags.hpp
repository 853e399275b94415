#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace inkfleet::service {

/// What the programs that load a model share.
struct ModelFlags {
  std::string folder;
  std::string name;
  std::string device = "auto";
  std::string dtype = "auto";
  int threads = 0;
  int cache_mb = 0;          ///< 0: kCpuCacheMb on a CPU, on a GPU what it has left
  std::string packed_cache;  ///< a folder, "off", or empty: the default one

  static constexpr int kCpuCacheMb = 1024;

  void add_to(CLI::App& cli);

  [[nodiscard]] int cpu_cache_mb() const { return cache_mb == 0 ? kCpuCacheMb : cache_mb; }
};

}  // namespace inkfleet::service
