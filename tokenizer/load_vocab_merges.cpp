#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>

#include "tokenizer/loading.hpp"

namespace inkfleet::tokenizer {
namespace {

using nlohmann::json;
using Path = std::filesystem::path;

constexpr const char* kEndOfText = "<|endoftext|>";

std::optional<std::pair<std::string, std::string>> split_at_space(std::string_view line) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) return {};
  return std::pair{std::string(line.substr(0, space)), std::string(line.substr(space + 1))};
}

void read_merges(const Path& file, BpeFiles& files) {
  const std::string content = read_file(file);
  std::string_view rest = content;
  for (int number = 1; !rest.empty(); ++number) {
    const std::size_t length = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, length);
    rest.remove_prefix(std::min(length + 1, rest.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("#version")) continue;
    const auto merge = split_at_space(line);
    if (!merge) {
      fail(file.string() + ": line " + std::to_string(number), "two tokens with a space between",
           shown(json(line)));
    }
    files.merges.push_back(*merge);
  }
}

/// The tokens to look for in text, from the small files that may lie beside the vocabulary. Of several files
/// that name a token, the first to do so decides its flags.
class NamedTokens {
 public:
  explicit NamedTokens(const BpeFiles& files) {
    for (const auto& [token, id] : files.vocabulary) id_of_.emplace(token, id);
  }

  /// added_tokens_decoder of tokenizer_config.json: {"50256": {"content": ..., flags}}.
  void read_decoder(const json& config, const std::string& place) {
    const auto decoder = config.find("added_tokens_decoder");
    if (decoder == config.end() || decoder->is_null()) return;
    const std::string key = place + ": added_tokens_decoder";
    if (!decoder->is_object()) fail(key, "an object", shown(*decoder));
    for (const auto& [id, object] : decoder->items()) {
      const std::string entry = key + "[" + id + "]";
      if (id.empty() || id.size() > 10 || id.find_first_not_of("0123456789") != std::string::npos) {
        fail(entry, "an id as key", shown(id));
      }
      add(read_added_token(object, entry), std::stoll(id), entry);
    }
  }

  /// added_tokens.json: tokens and ids.
  void read_ids(const json& object, const std::string& place) {
    for (const auto& [content, id] : read_vocabulary(object, place)) {
      if (content.empty()) fail(place, "tokens with a text", "\"\"");
      AddedToken token;
      token.content = content;
      token.normalized = true;
      add(std::move(token), id, place);
    }
  }

  /// bos_token and so on, each a string or an object. One without an id has no row in the model, so it is
  /// left to be ordinary text.
  void read_roles(const json& config, const std::string& place) {
    for (const char* role :
         {"bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"}) {
      if (const auto value = config.find(role); value != config.end()) read_role(*value, place + ": " + role);
    }
    const auto more = config.find("additional_special_tokens");
    if (more == config.end() || !more->is_array()) return;
    for (const json& value : *more) read_role(value, place + ": additional_special_tokens");
  }

  void add_special(const std::string& content, const std::string& place) {
    AddedToken token;
    token.content = content;
    add_role(std::move(token), place);
  }

  [[nodiscard]] std::vector<AddedToken> take() {
    std::vector<AddedToken> tokens;
    tokens.reserve(tokens_.size());
    for (auto& [content, token] : tokens_) tokens.push_back(std::move(token));
    return tokens;
  }

 private:
  void read_role(const json& value, const std::string& place) {
    if (value.is_null()) return;
    if (value.is_string()) return add_special(value.get<std::string>(), place);
    add_role(read_added_token(value, place), place);
  }

  void add_role(AddedToken token, const std::string& place) {
    const auto known = id_of_.find(token.content);
    if (token.content.empty() || known == id_of_.end()) return;
    token.special = true;
    const auto [entry, is_new] = tokens_.emplace(token.content, token);
    entry->second.special = true;
    if (is_new) entry->second.id = checked_id(known->second, place);
  }

  void add(AddedToken token, std::int64_t id, const std::string& place) {
    token.id = checked_id(id, place);
    id_of_.emplace(token.content, id);
    tokens_.emplace(token.content, token);
  }

  std::unordered_map<std::string, std::int64_t> id_of_;
  std::map<std::string, AddedToken> tokens_;
};

}  // namespace

std::unique_ptr<Tokenizer> load_vocab_merges(const Path& model_folder) {
  const Path vocabulary = model_folder / "vocab.json";
  const Path merges = model_folder / "merges.txt";
  BpeFiles files;
  files.vocabulary_place = vocabulary.string();
  files.merges_place = merges.string();
  files.vocabulary = read_vocabulary(read_json_object(vocabulary), files.vocabulary_place);
  read_merges(merges, files);

  NamedTokens named(files);
  const Path config_file = model_folder / "tokenizer_config.json";
  json config = json::object();
  if (std::filesystem::exists(config_file)) config = read_json_object(config_file);
  files.add_prefix_space = read_bool(config, "add_prefix_space", false, config_file.string() + ": ");
  named.read_decoder(config, config_file.string());
  if (const Path file = model_folder / "added_tokens.json"; std::filesystem::exists(file)) {
    named.read_ids(read_json_object(file), file.string());
  }
  named.read_roles(config, config_file.string());
  if (const Path file = model_folder / "special_tokens_map.json"; std::filesystem::exists(file)) {
    named.read_roles(read_json_object(file), file.string());
  }
  named.add_special(kEndOfText, files.vocabulary_place);
  files.added = named.take();
  return build_bpe(files);
}

}  // namespace inkfleet::tokenizer
