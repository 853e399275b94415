#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model-service/gpt2/config.hpp"
#include "model-service/gpt2/safetensors.hpp"

namespace inkfleet::gpt2 {

/// The weight files of a model folder: model.safetensors, or the shards that model.safetensors.index.json
/// names. Throws std::runtime_error naming file and remedy when there are none.
std::vector<std::filesystem::path> find_weight_files(const std::filesystem::path& folder);

/// The named tensors of a model folder. Names are those of GPT2Model ("h.0.ln_1.weight"), whether or not the
/// files put "transformer." before them.
class Checkpoint {
 public:
  explicit Checkpoint(const std::filesystem::path& folder);

  /// The tensor of that name. Throws std::runtime_error unless it is there, has that shape, and is F32, F16
  /// or BF16. Valid as long as this object.
  [[nodiscard]] const TensorView& get(std::string_view name, const TensorShape& shape) const;
  [[nodiscard]] bool has(std::string_view name) const { return tensors_.contains(name); }

  /// Throws if a file holds tensors of layers that a model of that configuration does not have: it would
  /// otherwise run, with layers missing.
  void check_layers(const Config& config) const;

  [[nodiscard]] const std::vector<SafetensorsFile>& files() const { return files_; }

 private:
  struct Entry {
    const TensorView* tensor;
    const SafetensorsFile* file;
  };

  std::filesystem::path folder_;
  std::vector<SafetensorsFile> files_;
  std::map<std::string, Entry, std::less<>> tensors_;
};

}  // namespace inkfleet::gpt2
