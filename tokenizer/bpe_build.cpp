#include <nlohmann/json.hpp>
#include <unordered_map>

#include "tokenizer/bpe.hpp"
#include "tokenizer/byte_alphabet.hpp"
#include "tokenizer/loading.hpp"

namespace inkfleet::tokenizer {
namespace {

using IdOfToken = std::unordered_map<std::string, TokenId>;

std::string quoted(const std::string& token) {
  return shown(nlohmann::json(token));
}

/// Tokens by id, as the files spell them. Ids are 0 to N-1: the embedding has a row for each, and an id
/// without a token could not be turned into text.
class TokensById {
 public:
  explicit TokensById(std::size_t count) : tokens_(count) {}

  void put(const std::string& token, std::int64_t id, const std::string& place) {
    if (id < 0 || id >= static_cast<std::int64_t>(tokens_.size())) {
      fail(place,
           "ids from 0 to " + std::to_string(tokens_.size() - 1) + " for " + std::to_string(tokens_.size()) +
               " tokens",
           quoted(token) + " with id " + std::to_string(id));
    }
    const std::string*& there = tokens_[id];
    if (there) {
      fail(place, "an id of its own for each token",
           quoted(*there) + " and " + quoted(token) + " with id " + std::to_string(id));
    }
    there = &token;
  }

 private:
  std::vector<const std::string*> tokens_;
};

IdOfToken index_vocabulary(const BpeFiles& files) {
  IdOfToken id_of;
  id_of.reserve(files.vocabulary.size());
  for (const auto& [token, id] : files.vocabulary) {
    id_of.emplace(token, checked_id(id, files.vocabulary_place + "[" + quoted(token) + "]"));
  }
  return id_of;
}

/// Added tokens that the vocabulary does not hold; one that it holds must have the same id there.
std::vector<const AddedToken*> tokens_to_append(const BpeFiles& files, const IdOfToken& id_of) {
  std::vector<const AddedToken*> appended;
  for (const AddedToken& token : files.added) {
    const auto known = id_of.find(token.content);
    if (known == id_of.end()) {
      appended.push_back(&token);
    } else if (known->second != token.id) {
      fail(files.vocabulary_place,
           "id " + std::to_string(token.id) + " for the added token " + quoted(token.content) +
               ", as where it is added",
           "id " + std::to_string(known->second));
    }
  }
  return appended;
}

std::vector<std::string> bytes_by_id(const BpeFiles& files, const IdOfToken& id_of) {
  const std::vector<const AddedToken*> appended = tokens_to_append(files, id_of);
  const std::size_t count = files.vocabulary.size() + appended.size();
  TokensById check(count);
  std::vector<std::string> bytes(count);
  for (const auto& [token, id] : files.vocabulary) {
    check.put(token, id, files.vocabulary_place);
    bytes[id] = bytes_of(token);
  }
  for (const AddedToken* token : appended) check.put(token->content, token->id, files.vocabulary_place);
  for (const AddedToken& token : files.added) bytes[token.id] = token.content;
  return bytes;
}

std::array<TokenId, 256> find_byte_ids(const BpeFiles& files, const IdOfToken& id_of) {
  std::array<TokenId, 256> ids{};
  for (int byte = 0; byte < 256; ++byte) {
    const std::string spelling = spelling_of(static_cast<unsigned char>(byte));
    const auto found = id_of.find(spelling);
    if (found == id_of.end()) {
      fail(files.vocabulary_place, "a token for each of the 256 bytes, as byte-level BPE has",
           "none for byte " + std::to_string(byte) + ", spelled " + quoted(spelling));
    }
    ids[byte] = found->second;
  }
  return ids;
}

MergeTable build_merges(const BpeFiles& files, const IdOfToken& id_of) {
  MergeTable table(files.merges.size());
  std::uint32_t rank = 0;
  for (const auto& [left, right] : files.merges) {
    const auto id = [&](const std::string& token) {
      const auto found = id_of.find(token);
      if (found != id_of.end()) return found->second;
      fail(files.merges_place, "merges between tokens of the vocabulary and into one",
           "no token " + quoted(token) + ", of merge " + std::to_string(rank + 1) + ", " +
               quoted(left + " " + right));
    };
    const TokenId left_id = id(left);
    const TokenId right_id = id(right);
    table.insert(left_id, right_id, {rank, id(left + right)});
    ++rank;
  }
  return table;
}

}  // namespace

std::unique_ptr<Tokenizer> build_bpe(const BpeFiles& files) {
  if (files.vocabulary.empty()) fail(files.vocabulary_place, "tokens and their ids", "none");
  if (files.merges.empty()) {
    fail(files.merges_place, "at least one merge (without merges every byte is a token)", "none");
  }
  const IdOfToken id_of = index_vocabulary(files);
  BpeModel model;
  model.token_bytes = bytes_by_id(files, id_of);
  model.byte_ids = find_byte_ids(files, id_of);
  model.merges = build_merges(files, id_of);
  model.added = files.added;
  model.add_prefix_space = files.add_prefix_space;
  model.split_words = files.split_words;
  return std::make_unique<ByteLevelBpe>(std::move(model));
}

}  // namespace inkfleet::tokenizer
