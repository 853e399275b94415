#include "tokenizer/bpe.hpp"

#include <algorithm>
#include <atomic>
#include <iterator>

#include "tokenizer/pre_tokenizer.hpp"
#include "tokenizer/utf8.hpp"
#include "tokenizer/word_cache.hpp"
#include "tokenizer/word_merger.hpp"

namespace inkfleet::tokenizer {
namespace {

/// A number that no other tokenizer of this process has had, so that a cache outlives its tokenizer safely.
std::uint32_t next_cache_owner() {
  static std::atomic<std::uint32_t> last = 0;
  return ++last;
}

}  // namespace

struct ByteLevelBpe::Encoding {
  WordCache& cache;
  WordMerger merger;
  std::vector<TokenId> ids;
};

ByteLevelBpe::ByteLevelBpe(BpeModel model)
    : model_(std::move(model)),
      raw_tokens_(added_where(false)),
      normalized_tokens_(added_where(true)),
      cache_owner_(next_cache_owner()) {}

std::vector<AddedToken> ByteLevelBpe::added_where(bool normalized) const {
  std::vector<AddedToken> tokens;
  std::copy_if(model_.added.begin(), model_.added.end(), std::back_inserter(tokens),
               [&](const AddedToken& token) { return token.normalized == normalized; });
  return tokens;
}

std::vector<TokenId> ByteLevelBpe::encode(std::string_view text) const {
  std::string repaired_text;
  if (valid_prefix(text) < text.size()) text = repaired_text = repaired(text);

  Encoding encoding{WordCache::of_this_thread(), {model_.merges, model_.byte_ids}, {}};
  encoding.ids.reserve(text.size() / 3 + 1);
  const auto add_token = [&](TokenId id) { encoding.ids.push_back(id); };
  raw_tokens_.split(
      text,
      [&](std::string_view rest) {
        normalized_tokens_.split(
            rest, [&](std::string_view stretch) { encode_stretch(stretch, encoding); }, add_token);
      },
      add_token);
  return std::move(encoding.ids);
}

void ByteLevelBpe::encode_stretch(std::string_view text, Encoding& encoding) const {
  if (!model_.add_prefix_space || text.starts_with(' ')) return encode_words(text, encoding);
  encode_words(std::string(1, ' ').append(text), encoding);
}

void ByteLevelBpe::encode_words(std::string_view text, Encoding& encoding) const {
  if (!model_.split_words) return encode_word(text, encoding);
  for (std::size_t begin = 0, end = 0; begin < text.size(); begin = end) {
    end = word_end(text, begin);
    encode_word(text.substr(begin, end - begin), encoding);
  }
}

void ByteLevelBpe::encode_word(std::string_view word, Encoding& encoding) const {
  std::vector<TokenId>& ids = encoding.ids;
  if (word.size() > WordCache::kMaxBytes) return encoding.merger.merge(word, ids);

  const WordCache::Key key(word, cache_owner_);
  if (const auto known = encoding.cache.find(key); !known.empty()) {
    ids.insert(ids.end(), known.begin(), known.end());
    return;
  }
  const std::size_t before = ids.size();
  encoding.merger.merge(word, ids);
  encoding.cache.store(key, std::span(ids).subspan(before));
}

std::string_view ByteLevelBpe::token_bytes(TokenId id) const {
  if (id < 0 || id >= vocab_size()) return {};
  return model_.token_bytes[id];
}

TokenId ByteLevelBpe::special_token(std::string_view text) const {
  for (const AddedToken& token : model_.added) {
    if (token.special && token.content == text) return token.id;
  }
  return -1;
}

}  // namespace inkfleet::tokenizer
