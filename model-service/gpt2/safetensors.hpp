#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model-service/gpt2/mapped_file.hpp"

/// Reading of the safetensors format (https://github.com/huggingface/safetensors#format): 8 bytes of header
/// length, a JSON header, then raw little-endian tensors.
namespace inkfleet::gpt2 {

/// The header may not be longer, as in the reference implementation.
inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

using TensorShape = std::vector<std::int64_t>;

/// One tensor inside a mapped file. `bytes` may have any alignment.
struct TensorView {
  std::string dtype;  ///< as written in the file: F32, F16, BF16, U8, ...
  TensorShape shape;
  std::span<const std::byte> bytes;

  [[nodiscard]] std::int64_t elements() const;
};

/// "[768, 2304]"
std::string to_string(const TensorShape& shape);

/// A safetensors file whose header has been checked in full: known dtypes, sizes that equal the shapes,
/// offsets inside the file, no overlap. Throws std::runtime_error naming file, tensor, expected and found.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(std::filesystem::path path);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Views are valid as long as this object.
  [[nodiscard]] const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }

 private:
  std::filesystem::path path_;
  MappedFile file_;
  std::map<std::string, TensorView, std::less<>> tensors_;
};

}  // namespace inkfleet::gpt2
