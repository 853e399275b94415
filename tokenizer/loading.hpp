#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tokenizer/added_tokens.hpp"
#include "tokenizer/tokenizer.hpp"

/// What the loaders of the two file layouts share. Everything here throws std::runtime_error.
namespace inkfleet::tokenizer {

/// A byte-level BPE as its files spell it, before ids and merges are checked against each other.
struct BpeFiles {
  std::string vocabulary_place;  // for messages: "FILE: KEY"
  std::string merges_place;
  std::vector<std::pair<std::string, std::int64_t>> vocabulary;
  std::vector<std::pair<std::string, std::string>> merges;
  std::vector<AddedToken> added;
  bool add_prefix_space = false;
  bool split_words = true;
};

/// Checks the parts against each other and puts the tokenizer together.
std::unique_ptr<Tokenizer> build_bpe(const BpeFiles& files);

std::unique_ptr<Tokenizer> load_tokenizer_json(const std::filesystem::path& file);
std::unique_ptr<Tokenizer> load_vocab_merges(const std::filesystem::path& model_folder);
std::unique_ptr<Tokenizer> load_sentencepiece(const std::filesystem::path& file);

/// The one form of every message: "PLACE: expected EXPECTED, found FOUND". A place is "FILE" or "FILE: KEY".
[[noreturn]] void fail(const std::string& place, const std::string& expected, const std::string& found);

std::string read_file(const std::filesystem::path& file);

/// The object that a JSON file holds.
nlohmann::json read_json_object(const std::filesystem::path& file);

/// A value for a message, cut to a readable length.
std::string shown(const nlohmann::json& value);

/// object[key] as a boolean; `fallback` when it is absent. In messages the key follows `place` directly.
bool read_bool(const nlohmann::json& object, const std::string& key, bool fallback, const std::string& place);

/// An object of tokens and ids.
std::vector<std::pair<std::string, std::int64_t>> read_vocabulary(const nlohmann::json& object,
                                                                  const std::string& place);

/// An added token as tokenizer.json and tokenizer_config.json write it: its content and flags, without an id.
AddedToken read_added_token(const nlohmann::json& object, const std::string& place);

/// An id from a file as a TokenId.
TokenId checked_id(std::int64_t id, const std::string& place);

}  // namespace inkfleet::tokenizer
