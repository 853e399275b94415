#include "model-service/gpt2/weights.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <string>
#include <utility>

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

  /// A copy in fp32: the file's bytes may be unaligned, and the file is unmapped after loading.
  at::Tensor tensor(const std::string& name, const TensorShape& shape) {
    const TensorView& view = get(name, shape);
    at::Tensor raw = at::empty(shape, scalar_type(view));
    std::memcpy(raw.mutable_data_ptr(), view.bytes.data(), view.bytes.size());
    return raw.to(at::kFloat);
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

  std::vector<float> floats(const std::string& name, int width) {
    const at::Tensor t = tensor(name, {width});
    return {t.const_data_ptr<float>(), t.const_data_ptr<float>() + width};
  }

  const Checkpoint& checkpoint_;
  const Progress& progress_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

/// Makes linears of the checkpoint's matrices, in the wanted number format.
class LinearMaker {
 public:
  LinearMaker(Reader& reader, ComputeType dtype, const Config& config)
      : reader_(reader),
        dtype_(dtype),
        packed_(dtype == ComputeType::kInt8 ? packed_bytes_of_model(config) : 0) {}

  /// GPT-2's "Conv1D" keeps its weight as [in, out]. `before` is the norm whose output goes in, null for
  /// none.
  Linear conv1d(const std::string& name, int in, int out, LayerNorm* before = nullptr) {
    const at::Tensor weight = reader_.tensor(name + ".weight", {in, out});
    return make(weight.t(), reader_.tensor(name + ".bias", {out}), before);
  }

  Linear head(const std::string& name, int vocab_size, int width, LayerNorm* before) {
    return make(reader_.tensor(name, {vocab_size, width}), std::nullopt, before);
  }

  PackedMemory take_packed() { return std::move(packed_); }

 private:
  static std::size_t packed_bytes_of_model(const Config& config) {
    const int width = config.width;
    return config.layers * (packed_bytes(width, 3 * width) + packed_bytes(width, width) +
                            packed_bytes(width, config.inner) + packed_bytes(config.inner, width)) +
           packed_bytes(width, config.vocab_size);
  }

  /// `weight` is [out, in], of any strides.
  Linear make(const at::Tensor& weight, const std::optional<at::Tensor>& bias, LayerNorm* before) {
    if (dtype_ == ComputeType::kFp32) return Fp32Linear(weight.contiguous(), bias);
    WeightSource source{.weights = weight.const_data_ptr<float>(),
                        .in_stride = weight.stride(1),
                        .out_stride = weight.stride(0),
                        .in = static_cast<int>(weight.size(1)),
                        .out = static_cast<int>(weight.size(0)),
                        .bias = bias ? bias->const_data_ptr<float>() : nullptr,
                        .input_factor = nullptr};
    std::vector<float> factors;
    if (before != nullptr) {
      factors = fold_outliers(*before);
      source.input_factor = factors.data();
    }
    std::byte* to = packed_.take(packed_bytes(source.in, source.out));
    pack(source, int8_kernels().weight_limit, to);
    return Int8Linear(to, source.in, source.out);
  }

  Reader& reader_;
  ComputeType dtype_;
  PackedMemory packed_;
};

Block read_block(Reader& reader, LinearMaker& linears, const std::string& prefix, const Config& config) {
  const int width = config.width;
  LayerNorm ln_1 = reader.layer_norm(prefix + "ln_1", width);
  Linear c_attn = linears.conv1d(prefix + "attn.c_attn", width, 3 * width, &ln_1);
  Linear attn_c_proj = linears.conv1d(prefix + "attn.c_proj", width, width);
  LayerNorm ln_2 = reader.layer_norm(prefix + "ln_2", width);
  Linear c_fc = linears.conv1d(prefix + "mlp.c_fc", width, config.inner, &ln_2);
  Linear mlp_c_proj = linears.conv1d(prefix + "mlp.c_proj", config.inner, width);
  return {.ln_1 = std::move(ln_1),
          .attn_c_attn = std::move(c_attn),
          .attn_c_proj = std::move(attn_c_proj),
          .ln_2 = std::move(ln_2),
          .mlp_c_fc = std::move(c_fc),
          .mlp_c_proj = std::move(mlp_c_proj)};
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

Weights load_weights(const Checkpoint& checkpoint, const Config& config, ComputeType dtype,
                     const Progress& progress) {
  checkpoint.check_layers(config);
  Reader reader(checkpoint, progress);
  LinearMaker linears(reader, dtype, config);
  auto wte = reader.embedding("wte", config.vocab_size, config.width);
  auto wpe = reader.embedding("wpe", config.context_length, config.width);
  std::vector<Block> h;
  for (int layer = 0; layer < config.layers; ++layer) {
    h.push_back(read_block(reader, linears, "h." + std::to_string(layer) + ".", config));
  }
  LayerNorm ln_f = reader.layer_norm("ln_f", config.width);
  const std::string head = has_tied_head(checkpoint, config) ? "wte.weight" : std::string(kHead);
  Linear lm_head = linears.head(head, config.vocab_size, config.width, &ln_f);
  reader.report_done();
  return {.wte = std::move(wte),
          .wpe = std::move(wpe),
          .h = std::move(h),
          .ln_f = std::move(ln_f),
          .lm_head = std::move(lm_head),
          .packed = linears.take_packed()};
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
