#include "model-service/engine/text_stream.hpp"

#include <algorithm>

namespace inkfleet::engine {

TextStream::TextStream(const tokenizer::Tokenizer& tokenizer, std::vector<std::string> stop,
                       std::size_t spelled_again)
    : tokenizer_(tokenizer), stop_(std::move(stop)), spell_again_(spelled_again) {
  for (const auto& stop_string : stop_) longest_stop_ = std::max(longest_stop_, stop_string.size());
}

void TextStream::resume(std::span<const proto::TokenId> tokens) {
  for (const auto token : tokens) decode(token);
  sent_ = static_cast<int>(tokens.size());
  find_stop();
  sent_text_ = text_.size();
}

bool TextStream::push(proto::TokenId token, std::optional<proto::TokenLogprob> logprob) {
  const auto text_begin = text_.size();
  decode(token);
  held_.push_back(
      {token, std::move(logprob), text_begin, text_.size(), decoder_.pending() == 0 && spell_again_ == 0});
  return find_stop();
}

void TextStream::finish() {
  if (finished_) return;
  finished_ = true;
  decoder_.finish(text_);
  if (!held_.empty()) held_.back().text_end = text_.size();
}

std::optional<proto::Delta> TextStream::take() {
  const auto count = sendable_tokens();
  const auto text_end = finished_ ? text_.size() : (count > 0 ? held_[count - 1].text_end : sent_text_);
  if (count == 0 && text_end <= sent_text_) return std::nullopt;

  proto::Delta delta;
  delta.offset = sent_;
  delta.text = text_end > sent_text_ ? text_.substr(sent_text_, text_end - sent_text_) : "";
  for (std::size_t i = 0; i < count; ++i) {
    auto& held = held_[i];
    delta.tokens.push_back(held.token);
    if (held.logprob) delta.logprobs.push_back(*std::move(held.logprob));
  }
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
  sent_ += static_cast<int>(count);
  sent_text_ = std::max(sent_text_, text_end);
  return delta;
}

void TextStream::decode(proto::TokenId token) {
  const auto bytes = tokenizer_.token_bytes(token);
  const auto again = std::min(spell_again_, bytes.size());
  spell_again_ -= again;
  decoder_.push(bytes.substr(again), text_);
}

// A match can begin in text that was sent only when it was resumed: our own sending holds such beginnings
// back.
bool TextStream::find_stop() {
  const auto newest = held_.empty() ? 0 : held_.back().text_begin;
  const auto from = newest > longest_stop_ ? newest - longest_stop_ : 0;
  auto match = std::string::npos;
  for (const auto& stop_string : stop_) match = std::min(match, text_.find(stop_string, from));
  if (match == std::string::npos) return false;

  finished_ = true;
  text_.resize(std::max(match, sent_text_));
  // The tokens after the one in which the match begins are the stop string's own.
  const auto beyond = std::find_if(held_.begin(), held_.end(),
                                   [&](const Held& held) { return held.text_begin >= text_.size(); });
  held_.erase(beyond, held_.end());
  return true;
}

// The longest end of the text that could still become a stop string.
std::size_t TextStream::undecided() const {
  std::size_t longest = 0;
  for (const auto& stop_string : stop_) {
    for (auto size = std::min(stop_string.size() - 1, text_.size()); size > longest; --size) {
      if (text_.compare(text_.size() - size, size, stop_string, 0, size) == 0) longest = size;
    }
  }
  return longest;
}

std::size_t TextStream::sendable_tokens() const {
  if (finished_) return held_.size();
  const auto decided = text_.size() - undecided();
  auto count = held_.size();
  while (count > 0 && (!held_[count - 1].whole || held_[count - 1].text_end > decided)) --count;
  return count;
}

}  // namespace inkfleet::engine
