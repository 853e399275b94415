#include "model-service/gpt2/config.hpp"

#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "proto/json.hpp"

namespace inkfleet::gpt2 {
namespace {

using proto::Json;

constexpr std::int64_t kMaxExtent = 1 << 24;
constexpr int kEndOfTextOfGpt2 = 50256;

/// config.json with typed access to its keys. A key that is null counts as absent.
class Keys {
 public:
  explicit Keys(std::filesystem::path path) : path_(std::move(path)) {
    std::ifstream stream(path_);
    if (!stream) throw std::runtime_error(path_.string() + ": cannot open: expected the model's config.json");
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    auto parsed = proto::parse_json(text);
    if (auto* json = std::get_if<Json>(&parsed)) json_ = std::move(*json);
    if (!json_.is_object())
      throw std::runtime_error(path_.string() + ": expected a JSON object, found something else");
  }

  [[noreturn]] void fail(std::string_view key, const std::string& expected, const std::string& found) const {
    throw std::runtime_error(path_.string() + ": " + std::string(key) + ": expected " + expected +
                             ", found " + found);
  }

  [[nodiscard]] const Json* find(std::string_view key) const {
    const auto it = json_.find(key);
    return it == json_.end() || it->is_null() ? nullptr : &*it;
  }

  [[nodiscard]] std::optional<int> size(std::string_view key) const {
    const Json* value = find(key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number_integer() || *value < 1 || *value > kMaxExtent) {
      fail(key, "a whole number from 1 to " + std::to_string(kMaxExtent), value->dump());
    }
    return value->get<int>();
  }

  [[nodiscard]] int required_size(std::string_view key) const {
    const auto value = size(key);
    if (!value) fail(key, "a whole number", "nothing");
    return *value;
  }

  [[nodiscard]] bool flag(std::string_view key, bool absent) const {
    const Json* value = find(key);
    if (value == nullptr) return absent;
    if (!value->is_boolean()) fail(key, "true or false", value->dump());
    return value->get<bool>();
  }

  /// For switches of which only one position is supported.
  void require_off(std::string_view key) const {
    if (flag(key, false)) fail(key, "false (true is not supported)", "true");
  }

 private:
  std::filesystem::path path_;
  Json json_;
};

void check_model_type(const Keys& keys) {
  const Json* type = keys.find("model_type");
  if (type == nullptr) keys.fail("model_type", "\"gpt2\"", "nothing");
  if (*type != "gpt2") keys.fail("model_type", "\"gpt2\"", type->dump());
}

Activation read_activation(const Keys& keys) {
  const Json* name = keys.find("activation_function");
  if (name == nullptr) return Activation::kGeluTanh;
  // The first three are one function, written differently in Python.
  if (*name == "gelu_new" || *name == "gelu_fast" || *name == "gelu_pytorch_tanh")
    return Activation::kGeluTanh;
  if (*name == "gelu") return Activation::kGeluErf;
  if (*name == "relu") return Activation::kRelu;
  keys.fail("activation_function", "gelu_new, gelu_fast, gelu_pytorch_tanh, gelu or relu", name->dump());
}

float read_epsilon(const Keys& keys) {
  const Json* value = keys.find("layer_norm_epsilon");
  if (value == nullptr) return 1e-5F;
  // Looked at as it is used: the nearest float of a number between 0 and 1 may be either.
  const float epsilon = value->is_number() ? value->get<float>() : 0.0F;
  if (!(epsilon > 0 && epsilon < 1))
    keys.fail("layer_norm_epsilon", "a number between 0 and 1", value->dump());
  return epsilon;
}

proto::TokenId read_end_of_text(const Keys& keys, int vocab_size) {
  const Json* value = keys.find("eos_token_id");
  const Json absent = kEndOfTextOfGpt2;
  if (value == nullptr) value = &absent;
  if (value->is_array() && value->size() == 1) value = &value->front();
  if (!value->is_number_integer() || *value < 0 || *value >= vocab_size) {
    keys.fail("eos_token_id", "one token from 0 to " + std::to_string(vocab_size - 1), value->dump());
  }
  return value->get<proto::TokenId>();
}

void read_sizes(const Keys& keys, Config& config) {
  config.vocab_size = keys.required_size("vocab_size");
  const auto n_ctx = keys.size("n_ctx");
  config.context_length = n_ctx && !keys.find("n_positions") ? *n_ctx : keys.required_size("n_positions");
  config.width = keys.required_size("n_embd");
  config.layers = keys.required_size("n_layer");
  config.heads = keys.required_size("n_head");
  config.inner = keys.size("n_inner").value_or(4 * config.width);
  if (config.width % config.heads != 0) {
    keys.fail("n_head", "a divisor of n_embd " + std::to_string(config.width), std::to_string(config.heads));
  }
}

}  // namespace

Config load_config(const std::filesystem::path& folder) {
  const Keys keys(folder / "config.json");
  check_model_type(keys);
  keys.require_off("reorder_and_upcast_attn");
  keys.require_off("add_cross_attention");
  Config config;
  read_sizes(keys, config);
  config.activation = read_activation(keys);
  config.layer_norm_epsilon = read_epsilon(keys);
  config.scale_attention = keys.flag("scale_attn_weights", true);
  config.scale_by_inverse_layer = keys.flag("scale_attn_by_inverse_layer_idx", false);
  config.tied_head = keys.flag("tie_word_embeddings", true);
  config.end_of_text = read_end_of_text(keys, config.vocab_size);
  return config;
}

}  // namespace inkfleet::gpt2
