#include "model-service/model_trial.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <numeric>
#include <stdexcept>
#include <vector>

#include "model-service/gpt2/perplexity.hpp"
#include "model-service/in_child.hpp"
#include "model-service/model_loading.hpp"
#include "proto/json.hpp"

namespace inkfleet::service {
namespace {

using proto::Json;

constexpr int kWindow = 256;
constexpr int kWindows = 32;  // of a text's beginning: 8192 tokens

/// A line of /proc/self/status, in bytes.
std::size_t memory_now(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::size_t kilobytes = 0;
    if (word == name + ":" && status >> kilobytes) return kilobytes << 10U;
  }
  return 0;
}

constexpr const char* kNoNumber = "the model computes what is no number: its weights are damaged";

std::size_t context_bytes(const engine::ModelShape& shape, const ModelFlags& flags) {
  const auto region = static_cast<std::size_t>(flags.cpu_cache_mb()) << 20U;
  const int blocks = (shape.context_length + shape.block_tokens - 1) / shape.block_tokens;
  return region / static_cast<std::size_t>(shape.kv_blocks) * static_cast<std::size_t>(blocks);
}

/// A step at the context's first and last position, whose numbers must be numbers: weights may be damaged in
/// ways no file format sees. What was never written to the cache is zeros.
void check_steps(engine::StepModel& model) {
  const auto& shape = model.shape();
  const std::array<engine::TokenId, 1> token{shape.end_of_text};
  std::vector<engine::BlockId> blocks(
      static_cast<std::size_t>((shape.context_length + shape.block_tokens - 1) / shape.block_tokens));
  std::iota(blocks.begin(), blocks.end(), 0);
  for (const int position : {0, shape.context_length - 1}) {
    const engine::StepSlice slice{
        .tokens = token, .first_position = position, .blocks = blocks, .wants_logits = true};
    const auto logits = model.step({&slice, 1}).logits;
    if (!std::ranges::all_of(logits, [](float logit) { return std::isfinite(logit); })) {
      throw std::runtime_error(kNoNumber);
    }
  }
}

void judge(LoadedModel& loaded, const std::string& text, Json& found) {
  const auto& shape = loaded.model->shape();
  auto tokens = loaded.tokenizer->encode(text);
  const int window = std::min({kWindow, shape.context_length, static_cast<int>(tokens.size())});
  if (window < 2)
    throw std::runtime_error("--text: expected two tokens or more, found " + std::to_string(window));
  const int blocks = (window + shape.block_tokens - 1) / shape.block_tokens;
  const int windows =
      std::min({kWindows, shape.kv_blocks / blocks, static_cast<int>(tokens.size()) / window});
  tokens.resize(static_cast<std::size_t>(windows) * static_cast<std::size_t>(window));
  found["tokens"] = tokens.size();
  found["window"] = window;
  const double perplexity = gpt2::perplexity(*loaded.model, tokens, window);
  if (!std::isfinite(perplexity)) throw std::runtime_error(kNoNumber);
  found["perplexity"] = perplexity;
}

Json look_at(const ModelFlags& flags, const std::string& text) {
  auto loaded = load_model(flags);
  check_steps(*loaded.model);
  Json found{{"summary", gpt2::to_string(loaded.summary)},
             {"memory", memory_now("VmRSS")},
             {"peak_memory", memory_now("VmHWM")},
             {"context_bytes", context_bytes(loaded.model->shape(), flags)}};
  if (!text.empty()) judge(loaded, text, found);
  return found;
}

}  // namespace

Trial try_model(const ModelFlags& flags, const std::string& text) {
  const auto found = Json::parse(in_child([&] { return look_at(flags, text).dump(); }));
  Trial trial{.summary = found["summary"],
              .memory = found["memory"],
              .peak_memory = found["peak_memory"],
              .context_bytes = found["context_bytes"],
              .perplexity = {}};
  if (!found.contains("perplexity")) return trial;
  trial.tokens = found["tokens"];
  trial.window = found["window"];
  trial.perplexity = found["perplexity"].get<double>();
  return trial;
}

}  // namespace inkfleet::service
