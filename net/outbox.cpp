#include "net/outbox.hpp"

#include <iterator>

#include "proto/serialize.hpp"

namespace inkfleet::net {

namespace {

constexpr std::size_t kFrameBytes = 64;  // names, braces and numbers of a small frame
constexpr std::size_t kTokenBytes = 6;
constexpr std::size_t kLogprobBytes = 32;

std::size_t estimate(const proto::Delta& delta) {
  std::size_t bytes = delta.text.size() + delta.tokens.size() * kTokenBytes;
  for (const auto& logprob : delta.logprobs) {
    bytes += (1 + logprob.top.size()) * kLogprobBytes + logprob.text.size();
    for (const auto& text : logprob.top_texts) bytes += text.size();
  }
  return bytes;
}

std::size_t estimate(const proto::ServerFrame& frame) {
  if (const auto* delta = std::get_if<proto::Delta>(&frame)) return kFrameBytes + estimate(*delta);
  if (const auto* error = std::get_if<proto::Error>(&frame)) return kFrameBytes + error->message.size();
  if (const auto* started = std::get_if<proto::Started>(&frame); started != nullptr && started->prompt) {
    return 2 * kFrameBytes + started->prompt->size();
  }
  if (std::holds_alternative<proto::Completed>(frame)) return 8 * kFrameBytes;
  return 2 * kFrameBytes;
}

template <class T>
void move_to_end(std::vector<T>& from, std::vector<T>& to) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

}  // namespace

void Outbox::push(proto::ServerFrame frame, std::optional<TimePoint> cause) {
  if (auto* delta = std::get_if<proto::Delta>(&frame)) {
    if (merge(*delta)) return;
    last_delta_[{delta->id, delta->index}] = first_ + waiting_.size();
  } else if (const auto* finished = std::get_if<proto::Finished>(&frame)) {
    last_delta_.erase({finished->id, finished->index});  // what follows belongs to another request of that id
  }
  const std::size_t bytes = estimate(frame);
  append({std::move(frame), bytes, cause});
}

bool Outbox::merge(proto::Delta& delta) {
  const auto found = last_delta_.find({delta.id, delta.index});
  if (found == last_delta_.end()) return false;
  Entry& entry = at(found->second);
  const std::size_t more = estimate(delta);
  if (entry.bytes + more > kMergedBytes) return false;
  auto& waiting = std::get<proto::Delta>(std::get<proto::ServerFrame>(entry.what));
  waiting.text += delta.text;
  move_to_end(delta.tokens, waiting.tokens);
  move_to_end(delta.logprobs, waiting.logprobs);
  entry.bytes += more;
  bytes_ += more;
  return true;
}

void Outbox::push_latest(std::string key, std::string text, std::optional<TimePoint> cause) {
  const std::size_t bytes = text.size();
  if (const auto found = latest_.find(key); found != latest_.end()) {
    Entry& entry = at(found->second);
    bytes_ = bytes_ - entry.bytes + bytes;
    entry.bytes = bytes;
    std::get<KeyedText>(entry.what).text = std::move(text);
    return;
  }
  if (!key.empty()) latest_[key] = first_ + waiting_.size();
  append({KeyedText{std::move(key), std::move(text)}, bytes, cause});
}

void Outbox::append(Entry entry) {
  bytes_ += entry.bytes;
  waiting_.push_back(std::move(entry));
}

std::optional<std::string> Outbox::pop() {
  if (waiting_.empty()) return std::nullopt;
  Entry entry = std::move(waiting_.front());
  waiting_.pop_front();
  bytes_ -= entry.bytes;
  forget(entry, first_++);
  if (auto* keyed = std::get_if<KeyedText>(&entry.what)) return std::move(keyed->text);
  return proto::to_json(std::get<proto::ServerFrame>(entry.what));
}

void Outbox::forget(const Entry& entry, std::uint64_t number) {
  if (const auto* keyed = std::get_if<KeyedText>(&entry.what)) {
    latest_.erase(keyed->key);
    return;
  }
  const auto* delta = std::get_if<proto::Delta>(&std::get<proto::ServerFrame>(entry.what));
  if (!delta) return;
  const auto found = last_delta_.find({delta->id, delta->index});
  if (found != last_delta_.end() && found->second == number) last_delta_.erase(found);
}

void Outbox::clear() {
  waiting_.clear();
  last_delta_.clear();
  latest_.clear();
  bytes_ = 0;
}

}  // namespace inkfleet::net
