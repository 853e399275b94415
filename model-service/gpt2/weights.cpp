#include "model-service/gpt2/weights.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <string>

namespace inkfleet::gpt2 {
namespace {

constexpr std::string_view kHead = "lm_head.weight";

at::ScalarType scalar_type(const TensorView& view) {
  if (view.dtype == "F16") return at::kHalf;
  return view.dtype == "BF16" ? at::kBFloat16 : at::kFloat;
}

/// Reads the parameters of one checkpoint and counts the bytes.
class Reader {
 public:
  Reader(const Checkpoint& checkpoint, const Progress& progress)
      : checkpoint_(checkpoint), progress_(progress) {
    for (const SafetensorsFile& file : checkpoint.files()) {
      for (const auto& [name, tensor] : file.tensors()) total_ += tensor.bytes.size();
    }
  }

  Embedding embedding(const std::string& name, int rows, int width) {
    return Embedding(get(name + ".weight", {rows, width}));
  }

  LayerNorm layer_norm(const std::string& name, int width) {
    return {floats(name + ".weight", width), floats(name + ".bias", width)};
  }

  /// GPT-2's "Conv1D" keeps its weight as [in, out].
  Linear conv1d(const std::string& name, int in, int out) {
    return Linear(tensor(name + ".weight", {in, out}).t().contiguous(), tensor(name + ".bias", {out}));
  }

  Linear head(const std::string& name, int vocab_size, int width) {
    return Linear(tensor(name, {vocab_size, width}), std::nullopt);
  }

  void report_done() const {
    if (progress_) progress_(total_, total_);
  }

 private:
  const TensorView& get(const std::string& name, const TensorShape& shape) {
    const TensorView& view = checkpoint_.get(name, shape);
    if (progress_) progress_(done_, total_);
    done_ = std::min(done_ + view.bytes.size(), total_);
    return view;
  }

  /// A copy in fp32: the file's bytes may be unaligned, and the file is unmapped after loading.
  at::Tensor tensor(const std::string& name, const TensorShape& shape) {
    const TensorView& view = get(name, shape);
    at::Tensor raw = at::empty(shape, scalar_type(view));
    std::memcpy(raw.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
    return raw.to(at::kFloat);
  }

  std::vector<float> floats(const std::string& name, int width) {
    const at::Tensor t = tensor(name, {width});
    return {t.const_data_ptr<float>(), t.const_data_ptr<float>() + width};
  }

  const Checkpoint& checkpoint_;
  const Progress& progress_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

Block read_block(Reader& reader, const std::string& prefix, const Config& config) {
  const int width = config.width;
  return {.ln_1 = reader.layer_norm(prefix + "ln_1", width),
          .attn_c_attn = reader.conv1d(prefix + "attn.c_attn", width, 3 * width),
          .attn_c_proj = reader.conv1d(prefix + "attn.c_proj", width, width),
          .ln_2 = reader.layer_norm(prefix + "ln_2", width),
          .mlp_c_fc = reader.conv1d(prefix + "mlp.c_fc", width, config.inner),
          .mlp_c_proj = reader.conv1d(prefix + "mlp.c_proj", config.inner, width)};
}

/// Buffers that old checkpoints carry beside the parameters: the causal mask.
bool is_parameter(std::string_view name) {
  return !name.ends_with(".attn.bias") && !name.ends_with(".attn.masked_bias");
}

}  // namespace

bool has_tied_head(const Checkpoint& checkpoint, const Config& config) {
  const TensorShape shape{config.vocab_size, config.width};
  if (!checkpoint.has(kHead)) {
    if (!config.tied_head) static_cast<void>(checkpoint.get(kHead, shape));
    return true;
  }
  const TensorView& head = checkpoint.get(kHead, shape);
  const TensorView& embedding = checkpoint.get("wte.weight", shape);
  return head.dtype == embedding.dtype && std::ranges::equal(head.bytes, embedding.bytes);
}

Weights load_weights(const Checkpoint& checkpoint, const Config& config, const Progress& progress) {
  checkpoint.check_layers(config);
  Reader reader(checkpoint, progress);
  const std::string head = has_tied_head(checkpoint, config) ? "wte.weight" : std::string(kHead);
  auto wte = reader.embedding("wte", config.vocab_size, config.width);
  auto wpe = reader.embedding("wpe", config.context_length, config.width);
  std::vector<Block> h;
  for (int layer = 0; layer < config.layers; ++layer) {
    h.push_back(read_block(reader, "h." + std::to_string(layer) + ".", config));
  }
  Weights weights{.wte = std::move(wte),
                  .wpe = std::move(wpe),
                  .h = std::move(h),
                  .ln_f = reader.layer_norm("ln_f", config.width),
                  .lm_head = reader.head(head, config.vocab_size, config.width)};
  reader.report_done();
  return weights;
}

ModelSummary summarize(const Checkpoint& checkpoint, const Config& config) {
  ModelSummary summary{.layers = config.layers,
                       .width = config.width,
                       .heads = config.heads,
                       .context_length = config.context_length,
                       .vocab_size = config.vocab_size,
                       .tied_head = has_tied_head(checkpoint, config)};
  std::set<std::string> dtypes;
  for (const SafetensorsFile& file : checkpoint.files()) {
    summary.files.push_back(file.path());
    for (const auto& [name, tensor] : file.tensors()) {
      if (!is_parameter(name) || (summary.tied_head && name == kHead)) continue;
      summary.parameters += tensor.elements();
      dtypes.insert(tensor.dtype);
    }
  }
  summary.file_dtypes.assign(dtypes.begin(), dtypes.end());
  return summary;
}

}  // namespace inkfleet::gpt2
