#include "model-service/gpt2/checkpoint.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <variant>

#include "proto/json.hpp"

namespace inkfleet::gpt2 {
namespace {

namespace fs = std::filesystem;
using proto::Json;

constexpr std::string_view kPrefix = "transformer.";

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw std::runtime_error(path.string() + ": " + what);
}

/// Names come from outside and must not lead out of their folder.
bool is_file_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find('\0') == name.npos &&
         fs::path(name).filename() == name;
}

std::vector<fs::path> read_index(const fs::path& index) {
  std::ifstream stream(index);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const auto parsed = proto::parse_json(text);
  const Json json = parsed.index() == 0 ? std::get<Json>(parsed) : Json();
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  if (map == json.end() || !map->is_object()) fail(index, "weight_map: expected an object, found none");
  std::set<std::string> names;
  for (const auto& [tensor, file] : map->items()) {
    if (!file.is_string())
      fail(index, "weight_map: " + tensor + ": expected a file name, found " + file.dump());
    const auto name = file.get<std::string>();
    if (!is_file_name(name)) {
      fail(index, "weight_map: " + tensor + ": expected a file in the same folder, found " + file.dump());
    }
    names.insert(name);
  }
  if (names.empty()) fail(index, "weight_map: expected at least one tensor, found none");
  std::vector<fs::path> files;
  files.reserve(names.size());
  for (const std::string& name : names) files.push_back(index.parent_path() / name);
  return files;
}

/// "h.7.attn.bias" -> 7; -1 for names outside the layers.
int layer_of(std::string_view name) {
  if (!name.starts_with("h.")) return -1;
  const auto digits = name.substr(2, name.find('.', 2) - 2);
  if (digits.empty() || digits.size() > 6 || digits.find_first_not_of("0123456789") != std::string_view::npos)
    return -1;
  return std::stoi(std::string(digits));
}

}  // namespace

std::vector<fs::path> find_weight_files(const fs::path& folder) {
  if (!fs::is_directory(folder)) fail(folder, "expected a model folder, found none");
  if (fs::exists(folder / "model.safetensors")) return {folder / "model.safetensors"};
  if (fs::exists(folder / "model.safetensors.index.json"))
    return read_index(folder / "model.safetensors.index.json");
  if (fs::exists(folder / "pytorch_model.bin") || fs::exists(folder / "pytorch_model.bin.index.json")) {
    fail(
        folder,
        "expected model.safetensors, found pytorch_model.bin; convert it with: scripts/convert-pytorch-bin " +
            folder.string());
  }
  fail(folder, "expected model.safetensors or model.safetensors.index.json, found neither");
}

Checkpoint::Checkpoint(const fs::path& folder) : folder_(folder) {
  for (const fs::path& path : find_weight_files(folder)) files_.emplace_back(path);
  for (const SafetensorsFile& file : files_) {
    for (const auto& [name, tensor] : file.tensors()) {
      const auto plain = name.starts_with(kPrefix) ? name.substr(kPrefix.size()) : name;
      const auto [it, inserted] = tensors_.emplace(plain, Entry{&tensor, &file});
      if (!inserted)
        fail(file.path(),
             "tensor " + name + ": expected once, found also in " + it->second.file->path().string());
    }
  }
}

const TensorView& Checkpoint::get(std::string_view name, const TensorShape& shape) const {
  const auto it = tensors_.find(name);
  if (it == tensors_.end()) {
    const fs::path& where = files_.size() == 1 ? files_.front().path() : folder_;
    fail(where, "tensor " + std::string(name) + ": expected " + to_string(shape) + ", found nothing");
  }
  const auto& [tensor, file] = it->second;
  const std::string what = "tensor " + std::string(name) + ": expected ";
  if (tensor->shape != shape)
    fail(file->path(), what + to_string(shape) + ", found " + to_string(tensor->shape));
  if (tensor->dtype != "F32" && tensor->dtype != "F16" && tensor->dtype != "BF16") {
    fail(file->path(), what + "F32, F16 or BF16, found " + tensor->dtype);
  }
  return *tensor;
}

void Checkpoint::check_layers(const Config& config) const {
  for (const auto& [name, entry] : tensors_) {
    if (layer_of(name) >= config.layers) {
      fail(entry.file->path(), "tensor " + name + ": expected " + std::to_string(config.layers) +
                                   " layers (n_layer of config.json), found more");
    }
  }
}

}  // namespace inkfleet::gpt2
