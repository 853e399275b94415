#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "model-service/gpt2/checkpoint.hpp"
#include "model-service/gpt2/config.hpp"

namespace inkfleet::gpt2 {

/// What was loaded, for the log.
struct ModelSummary {
  int layers = 0;
  int width = 0;
  int heads = 0;
  int context_length = 0;
  int vocab_size = 0;
  std::int64_t parameters = 0;           ///< without a tied head, which has none of its own
  std::vector<std::string> file_dtypes;  ///< of the parameters: F32, F16, BF16
  std::vector<std::filesystem::path> files;
  bool tied_head = false;
};

/// "24 layers, 1024 wide, 16 heads, context 1024, vocabulary 50257, 354.8 M parameters (F16, tied head) from
/// model.safetensors"
std::string to_string(const ModelSummary& summary);

/// Whether the output head is the token embedding: there is no lm_head.weight, or it holds the same bytes.
/// One that differs is used, whatever tie_word_embeddings says, as transformers 5 does.
bool has_tied_head(const Checkpoint& checkpoint, const Config& config);

ModelSummary summarize(const Checkpoint& checkpoint, const Config& config);

}  // namespace inkfleet::gpt2
