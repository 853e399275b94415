#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "model-service/gpt2/safetensors.hpp"

/// Files for the tests that need no model, and so no libtorch.
namespace inkfleet::gpt2::testing {

namespace fs = std::filesystem;

inline const fs::path kSource = INKFLEET_SOURCE_DIR;
inline const fs::path kData = kSource / "tests/data/gpt2";

/// A folder of the running test's own, removed afterwards.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "inkfleet-gpt2-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = pattern;
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

inline void write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

inline std::string read_file(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// The bytes of a safetensors file with that header.
inline std::string safetensors(const std::string& header, const std::string& data) {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header + data;
}

/// A JSON list in a list in a list, deeper than any program that writes it by recursion survives.
inline std::string nested_lists() {
  constexpr std::size_t kDepth = 200'000;
  return std::string(kDepth, '[') + std::string(kDepth, ']');
}

/// The message of what `f` throws; empty if it does not.
template <class Function>
std::string error_of(Function f) {
  try {
    f();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

/// One recorded tensor of a file that record.py wrote.
template <class Element>
std::vector<Element> recorded(const SafetensorsFile& file, const std::string& name) {
  const auto bytes = file.tensors().at(name).bytes;
  std::vector<Element> values(bytes.size() / sizeof(Element));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace inkfleet::gpt2::testing
