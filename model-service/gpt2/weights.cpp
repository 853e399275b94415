#include "model-service/gpt2/weights.hpp"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "model-service/gpt2/packed_file.hpp"
#include "model-service/gpt2/packed_source.hpp"
#include "model-service/gpt2/weights_hash.hpp"

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

  void copy(const std::string& name, const TensorShape& shape, std::byte* to) {
    const TensorView& view = get(name, shape);
    std::memcpy(to, view.bytes.data(), view.bytes.size());
  }

  void floats(const std::string& name, std::span<float> to) {
    const at::Tensor t = tensor(name, {static_cast<std::int64_t>(to.size())});
    std::copy_n(t.const_data_ptr<float>(), to.size(), to.data());
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

  const Checkpoint& checkpoint_;
  const Progress& progress_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

/// A model's parameters in memory, in the order in which a step reads them. Reads and packs them, unless the
/// memory came filled.
class Layout {
 public:
  /// `reader` is null for memory that is filled.
  Layout(WeightMemory memory, Reader* reader, ComputeType dtype)
      : memory_(std::move(memory)), reader_(reader), dtype_(dtype) {}

  Embedding embedding(const std::string& name, const TensorView& table) {
    std::byte* to = memory_.tables.take(table.bytes.size());
    if (reader_ != nullptr) reader_->copy(name, table.shape, to);
    return {table.dtype, to, static_cast<int>(table.shape.at(1))};
  }

  LayerNorm layer_norm(const std::string& name, int width) {
    return {floats(name + ".weight", width), floats(name + ".bias", width)};
  }

  /// GPT-2's "Conv1D" keeps its weight as [in, out]. `before` is the norm whose output goes in, null for
  /// none.
  Linear conv1d(const std::string& name, int in, int out, const LayerNorm* before = nullptr) {
    return linear(in, out, before, [&] {
      return std::pair(reader_->tensor(name + ".weight", {in, out}).t(),
                       std::optional(reader_->tensor(name + ".bias", {out})));
    });
  }

  Linear head(const std::string& name, int vocab_size, int width, const LayerNorm* before) {
    return linear(width, vocab_size, before, [&] {
      return std::pair(reader_->tensor(name, {vocab_size, width}), std::optional<at::Tensor>());
    });
  }

  WeightMemory take_memory() { return std::move(memory_); }

 private:
  std::span<float> floats(const std::string& name, int width) {
    const std::span<float> to(reinterpret_cast<float*>(memory_.matrices.take(width * sizeof(float))), width);
    if (reader_ != nullptr) reader_->floats(name, to);
    return to;
  }

  /// `read` returns a weight [out, in], of any strides, and a bias.
  template <class Read>
  Linear linear(int in, int out, const LayerNorm* before, const Read& read) {
    if (dtype_ != ComputeType::kInt8) {
      const auto [weight, bias] = read();
      return OneDnnLinear(weight.contiguous(), bias, dtype_);
    }
    std::byte* to = memory_.matrices.take(packed_bytes(in, out));
    if (reader_ != nullptr) {
      const auto [weight, bias] = read();
      pack_folded(weight, bias, before, to);
    }
    return Int8Linear(to, in, out);
  }

  static void pack_folded(const at::Tensor& weight, const std::optional<at::Tensor>& bias,
                          const LayerNorm* before, std::byte* to) {
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
    pack(source, int8_kernels().weight_limit, to);
  }

  WeightMemory memory_;
  Reader* reader_;
  ComputeType dtype_;
};

Block lay_out_block(Layout& layout, const std::string& prefix, const Config& config) {
  const int width = config.width;
  const LayerNorm ln_1 = layout.layer_norm(prefix + "ln_1", width);
  Linear c_attn = layout.conv1d(prefix + "attn.c_attn", width, 3 * width, &ln_1);
  Linear attn_c_proj = layout.conv1d(prefix + "attn.c_proj", width, width);
  const LayerNorm ln_2 = layout.layer_norm(prefix + "ln_2", width);
  Linear c_fc = layout.conv1d(prefix + "mlp.c_fc", width, config.inner, &ln_2);
  Linear mlp_c_proj = layout.conv1d(prefix + "mlp.c_proj", config.inner, width);
  return {.ln_1 = ln_1,
          .attn_c_attn = std::move(c_attn),
          .attn_c_proj = std::move(attn_c_proj),
          .ln_2 = ln_2,
          .mlp_c_fc = std::move(c_fc),
          .mlp_c_proj = std::move(mlp_c_proj)};
}

/// The embeddings, as the checkpoint has them.
struct Tables {
  const TensorView& wte;
  const TensorView& wpe;

  Tables(const Checkpoint& checkpoint, const Config& config)
      : wte(checkpoint.get("wte.weight", {config.vocab_size, config.width})),
        wpe(checkpoint.get("wpe.weight", {config.context_length, config.width})) {}
};

WeightSizes sizes_of(const Tables& tables, const Config& config, ComputeType dtype) {
  const int width = config.width;
  const std::size_t norm = 2 * packed_size(width * sizeof(float));
  std::size_t block = 2 * norm;
  std::size_t head = norm;
  if (dtype == ComputeType::kInt8) {
    block += packed_bytes(width, 3 * width) + packed_bytes(width, width) + packed_bytes(width, config.inner) +
             packed_bytes(config.inner, width);
    head += packed_bytes(width, config.vocab_size);
  }
  const std::size_t table_bytes = packed_size(tables.wte.bytes.size()) + packed_size(tables.wpe.bytes.size());
  return {.tables = chunk_count(table_bytes) * kPackedChunk, .matrices = config.layers * block + head};
}

std::vector<std::filesystem::path> paths_of(const Checkpoint& checkpoint) {
  std::vector<std::filesystem::path> paths;
  for (const SafetensorsFile& file : checkpoint.files()) paths.push_back(file.path());
  return paths;
}

/// `head` is the tensor that the output head is made of.
Weights lay_out(Layout layout, const Tables& tables, const Config& config, const std::string& head) {
  auto wte = layout.embedding("wte.weight", tables.wte);
  auto wpe = layout.embedding("wpe.weight", tables.wpe);
  std::vector<Block> h;
  for (int layer = 0; layer < config.layers; ++layer) {
    // n_layer comes from outside and is proved by the tensors that are found: nothing is reserved for it.
    // NOLINTNEXTLINE(performance-inefficient-vector-operation)
    h.push_back(lay_out_block(layout, "h." + std::to_string(layer) + ".", config));
  }
  const LayerNorm ln_f = layout.layer_norm("ln_f", config.width);
  Linear lm_head = layout.head(head, config.vocab_size, config.width, &ln_f);
  return {.wte = std::move(wte),
          .wpe = std::move(wpe),
          .h = std::move(h),
          .ln_f = ln_f,
          .lm_head = std::move(lm_head),
          .memory = layout.take_memory()};
}

}  // namespace

Weights load_weights(const Checkpoint& checkpoint, const Config& config, ComputeType dtype,
                     const PackedCacheOptions& cache, const Progress& progress) {
  checkpoint.check_layers(config);
  const Tables tables(checkpoint, config);
  const WeightSizes sizes = sizes_of(tables, config, dtype);
  const auto read_and_pack = [&] {
    Reader reader(checkpoint, progress);
    const std::string head = has_tied_head(checkpoint, config) ? "wte.weight" : std::string(kHead);
    Layout layout({PackedMemory(sizes.tables), PackedMemory(sizes.matrices)}, &reader, dtype);
    Weights weights = lay_out(std::move(layout), tables, config, head);
    reader.report_done();
    return weights;
  };
  if (dtype != ComputeType::kInt8) return read_and_pack();
  const PackedKey key{.weights_hash = cache.weights_hash,
                      .dtype = "int8",
                      .weight_limit = int8_kernels().weight_limit,
                      .wte_dtype = tables.wte.dtype,
                      .wpe_dtype = tables.wpe.dtype,
                      .config = config};
  const PackedSource source(cache, key, sizes);
  if (auto kept = source.find()) {
    return lay_out(Layout(std::move(*kept), nullptr, dtype), tables, config, "");
  }
  Weights weights = read_and_pack();
  if (cache.folder.empty() || weights_hash(paths_of(checkpoint)) == cache.weights_hash) {
    source.keep(weights.memory);
  } else if (cache.warn) {
    cache.warn("the model's files changed while they were read: packed weights are not kept");
  }
  return weights;
}

}  // namespace inkfleet::gpt2
