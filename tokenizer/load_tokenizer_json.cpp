#include <nlohmann/json.hpp>

#include "tokenizer/loading.hpp"

namespace inkfleet::tokenizer {
namespace {

using nlohmann::json;

/// object[key], or null if there is no such key.
const json& value_of(const json& object, const std::string& key) {
  static const json null;
  const auto value = object.find(key);
  return value == object.end() ? null : *value;
}

const json& object_of(const json& parent, const std::string& key, const std::string& file) {
  const json& value = value_of(parent, key);
  if (!value.is_object()) fail(file + ": " + key, "an object", shown(value));
  return value;
}

void expect_type(const json& part, const std::string& type, const std::string& place) {
  const json& found = value_of(part, "type");
  if (found != type) {
    fail(place + ".type", "\"" + type + "\" (only GPT-2's byte-level BPE is supported)", shown(found));
  }
}

/// A key that must not change the result: absent, null, or `neutral`.
void expect_neutral(const json& object, const std::string& key, const json& neutral,
                    const std::string& place) {
  const json& found = value_of(object, key);
  if (!found.is_null() && found != neutral) fail(place + key, "null or " + neutral.dump(), shown(found));
}

void check_model(const json& model, const std::string& file) {
  expect_type(model, "BPE", file + ": model");
  const std::string place = file + ": model.";
  expect_neutral(model, "dropout", 0.0, place);
  expect_neutral(model, "continuing_subword_prefix", "", place);
  expect_neutral(model, "end_of_word_suffix", "", place);
  expect_neutral(model, "ignore_merges", false, place);
  // unk_token, fuse_unk and byte_fallback are about bytes without a token, and there are none.
}

/// ByteLevel only moves offsets; a template must be the text alone, or every prompt would get tokens added.
void check_post_processor(const json& root, const std::string& file) {
  if (value_of(root, "post_processor").is_null()) return;
  const json& part = object_of(root, "post_processor", file);
  if (value_of(part, "type") != "TemplateProcessing") {
    return expect_type(part, "ByteLevel", file + ": post_processor");
  }
  const json& single = value_of(part, "single");
  if (!single.is_array() || single.size() != 1 || !single[0].contains("Sequence")) {
    fail(file + ": post_processor.single", "the text alone, without added tokens", shown(single));
  }
}

void check_around_model(const json& root, const std::string& file) {
  const json& normalizer = value_of(root, "normalizer");
  if (!normalizer.is_null()) {
    fail(file + ": normalizer", "null (GPT-2 does not change the text)", shown(normalizer));
  }
  if (!value_of(root, "decoder").is_null()) {
    expect_type(object_of(root, "decoder", file), "ByteLevel", file + ": decoder");
  }
  check_post_processor(root, file);
}

std::pair<std::string, std::string> read_merge(const json& merge, const std::string& place) {
  if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
    return {merge[0].get<std::string>(), merge[1].get<std::string>()};
  }
  if (merge.is_string()) {
    const auto& text = merge.get_ref<const std::string&>();
    const std::size_t space = text.find(' ');
    if (space != std::string::npos && text.find(' ', space + 1) == std::string::npos) {
      return {text.substr(0, space), text.substr(space + 1)};
    }
  }
  fail(place, "two tokens, as \"a b\" or [\"a\", \"b\"]", shown(merge));
}

void read_merges(const json& model, BpeFiles& files) {
  const json& merges = value_of(model, "merges");
  if (!merges.is_array()) fail(files.merges_place, "a list of merges", shown(merges));
  files.merges.reserve(merges.size());
  for (std::size_t i = 0; i < merges.size(); ++i) {
    files.merges.push_back(read_merge(merges[i], files.merges_place + "[" + std::to_string(i) + "]"));
  }
}

void read_added_tokens(const json& root, const std::string& file, BpeFiles& files) {
  const json& tokens = value_of(root, "added_tokens");
  if (tokens.is_null()) return;
  if (!tokens.is_array()) fail(file + ": added_tokens", "a list", shown(tokens));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const std::string place = file + ": added_tokens[" + std::to_string(i) + "]";
    AddedToken token = read_added_token(tokens[i], place);
    const json& id = value_of(tokens[i], "id");
    if (!id.is_number_integer()) fail(place + ".id", "an id", shown(id));
    token.id = checked_id(id.get<std::int64_t>(), place + ".id");
    files.added.push_back(std::move(token));
  }
}

void read_pre_tokenizer(const json& root, const std::string& file, BpeFiles& files) {
  const json& pre_tokenizer = object_of(root, "pre_tokenizer", file);
  const std::string place = file + ": pre_tokenizer";
  expect_type(pre_tokenizer, "ByteLevel", place);
  files.add_prefix_space = read_bool(pre_tokenizer, "add_prefix_space", false, place + ".");
  files.split_words = read_bool(pre_tokenizer, "use_regex", true, place + ".");
}

}  // namespace

std::unique_ptr<Tokenizer> load_tokenizer_json(const std::filesystem::path& path) {
  const json root = read_json_object(path);
  const std::string file = path.string();
  const json& model = object_of(root, "model", file);
  check_model(model, file);
  check_around_model(root, file);

  BpeFiles files;
  files.vocabulary_place = file + ": model.vocab";
  files.merges_place = file + ": model.merges";
  files.vocabulary = read_vocabulary(value_of(model, "vocab"), files.vocabulary_place);
  read_merges(model, files);
  read_added_tokens(root, file, files);
  read_pre_tokenizer(root, file, files);
  return build_bpe(files);
}

}  // namespace inkfleet::tokenizer
