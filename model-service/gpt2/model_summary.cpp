#include "model-service/gpt2/model_summary.hpp"

#include <algorithm>
#include <iomanip>
#include <set>
#include <sstream>
#include <string_view>

namespace inkfleet::gpt2 {
namespace {

constexpr std::string_view kHead = "lm_head.weight";

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

std::string to_string(const ModelSummary& s) {
  std::ostringstream text;
  text << s.layers << " layers, " << s.width << " wide, " << s.heads << " heads, context " << s.context_length
       << ", vocabulary " << s.vocab_size << ", " << std::fixed << std::setprecision(1)
       << static_cast<double>(s.parameters) / 1e6 << " M parameters (";
  for (const std::string& dtype : s.file_dtypes) text << dtype << ", ";
  text << (s.tied_head ? "tied" : "separate") << " head) from ";
  if (s.files.size() == 1) {
    text << s.files.front().filename().string();
  } else {
    text << s.files.size() << " files";
  }
  return text.str();
}

}  // namespace inkfleet::gpt2
