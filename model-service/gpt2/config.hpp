#pragma once

#include <cstdint>
#include <filesystem>

#include "proto/frames.hpp"

namespace inkfleet::gpt2 {

enum class Activation { kGeluTanh, kGeluErf, kRelu };

/// What config.json says about a GPT-2 of the Hugging Face layout. Names in comments are its keys.
struct Config {
  int vocab_size = 0;                             ///< vocab_size
  int context_length = 0;                         ///< n_positions, or n_ctx in old files
  int width = 0;                                  ///< n_embd
  int layers = 0;                                 ///< n_layer
  int heads = 0;                                  ///< n_head
  int inner = 0;                                  ///< n_inner; 4 × width when absent
  Activation activation = Activation::kGeluTanh;  ///< activation_function
  float layer_norm_epsilon = 1e-5F;               ///< layer_norm_epsilon
  bool scale_attention = true;                    ///< scale_attn_weights
  bool scale_by_inverse_layer = false;            ///< scale_attn_by_inverse_layer_idx
  bool tied_head = true;                          ///< tie_word_embeddings
  proto::TokenId end_of_text = 0;                 ///< eos_token_id

  [[nodiscard]] int head_dim() const { return width / heads; }
};

/// Reads FOLDER/config.json. Keys that are not known are ignored. Throws std::runtime_error naming file, key,
/// expected and found.
Config load_config(const std::filesystem::path& folder);

}  // namespace inkfleet::gpt2
