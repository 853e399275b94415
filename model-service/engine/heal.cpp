#include "model-service/engine/heal.hpp"

#include <algorithm>

namespace inkfleet::engine {

std::string take_back(std::vector<proto::TokenId>& prompt, const tokenizer::Tokenizer& tokenizer) {
  if (prompt.empty()) return {};
  std::string bytes(tokenizer.token_bytes(prompt.back()));
  if (bytes.empty() || tokenizer.special_token(bytes) == prompt.back()) return {};
  prompt.pop_back();
  return bytes;
}

std::string take_back(std::vector<proto::TokenId>& prompt, std::string_view text,
                      const tokenizer::Tokenizer& tokenizer) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const auto ends_in_space = [&](std::string_view any) {
    return !any.empty() && kSpaces.find(any.back()) != std::string_view::npos;
  };
  auto bytes = take_back(prompt, tokenizer);
  if (!bytes.empty() && ends_in_space(text) && !ends_in_space(bytes)) bytes += ' ';
  return bytes;
}

bool spells(std::string_view text, std::string_view again) {
  const auto size = std::min(text.size(), again.size());
  return text.substr(0, size) == again.substr(0, size);
}

const std::vector<proto::TokenId>& HealingVocabulary::allowed(std::string_view rest) {
  if (rest == last_rest_) return allowed_;
  if (sorted_.empty()) sort_vocabulary();
  last_rest_ = rest;
  allowed_.clear();
  const auto add_from = [&](std::string_view begin, auto belongs) {
    auto at = std::lower_bound(sorted_.begin(), sorted_.end(), Entry{begin, -1});
    for (; at != sorted_.end() && belongs(at->first); ++at) allowed_.push_back(at->second);
  };
  add_from(rest, [&](std::string_view bytes) { return bytes.starts_with(rest); });
  for (std::size_t size = 1; size < rest.size(); ++size) {
    const auto beginning = rest.substr(0, size);
    add_from(beginning, [&](std::string_view bytes) { return bytes == beginning; });
  }
  std::sort(allowed_.begin(), allowed_.end());
  return allowed_;
}

void HealingVocabulary::sort_vocabulary() {
  for (proto::TokenId id = 0; id < tokenizer_.vocab_size(); ++id) {
    const auto bytes = tokenizer_.token_bytes(id);
    if (!bytes.empty() && tokenizer_.special_token(bytes) != id) sorted_.emplace_back(bytes, id);
  }
  std::sort(sorted_.begin(), sorted_.end());
}

}  // namespace inkfleet::engine
