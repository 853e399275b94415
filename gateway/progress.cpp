#include "gateway/progress.hpp"

#include <algorithm>

#include "proto/limits.hpp"

namespace inkfleet::gateway {

Progress::Progress(const proto::Suggest& suggest) {
  if (suggest.resume) {
    for (const auto& point : *suggest.resume) suggestions_[point.index].tokens = point.tokens;
  } else {
    for (int index = 0; index < suggest.n; ++index) suggestions_[index];
  }
  tokens_at_start_ = tokens_at_move_ = tokens_now();
}

bool Progress::take(const proto::Queued&) const {
  return !started_;
}

bool Progress::take(const proto::Started& frame) {
  if (started_) return false;
  started_ = frame;
  return true;
}

bool Progress::take(const proto::Delta& frame) {
  const auto at = suggestions_.find(frame.index);
  if (!started_ || at == suggestions_.end() || at->second.finished) return false;
  auto& tokens = at->second.tokens;
  if (frame.offset != static_cast<int>(tokens.size())) return false;
  tokens.insert(tokens.end(), frame.tokens.begin(), frame.tokens.end());
  return true;
}

bool Progress::take(const proto::Finished& frame) {
  const auto at = suggestions_.find(frame.index);
  if (at == suggestions_.end()) return false;
  return !std::exchange(at->second.finished, true);
}

void Progress::cancel(std::optional<int> index) {
  if (index) {
    cancelled_.insert(*index);
  } else {
    all_cancelled_ = true;
  }
}

proto::Suggest Progress::rest(const proto::Suggest& suggest, std::chrono::milliseconds time_left) const {
  auto rest = suggest;
  if (started_) {
    rest.resume.emplace();
    for (const auto& [index, suggestion] : suggestions_) {
      if (!suggestion.finished) rest.resume->push_back({index, suggestion.tokens});
    }
  }
  rest.deadline = std::max(time_left, std::chrono::milliseconds(proto::limits::kDeadlineMs.min));
  return rest;
}

std::vector<proto::Cancel> Progress::cancels(const std::string& id) const {
  if (all_cancelled_) return {{.id = id, .index = {}}};
  std::vector<proto::Cancel> cancels;
  cancels.reserve(cancelled_.size());
  for (const int index : cancelled_) cancels.push_back({.id = id, .index = index});
  return cancels;
}

void Progress::move() {
  tokens_at_move_ = tokens_now();
}

proto::Usage Progress::usage(const proto::Usage& last) const {
  auto usage = last;
  usage.completion_tokens += static_cast<int>(tokens_at_move_ - tokens_at_start_);
  if (started_) {
    usage.prompt_tokens = started_->prompt_tokens;
    usage.cached_tokens = started_->cached_tokens;
  }
  return usage;
}

std::vector<int> Progress::open() const {
  std::vector<int> open;
  for (const auto& [index, suggestion] : suggestions_) {
    if (!suggestion.finished) open.push_back(index);
  }
  return open;
}

std::size_t Progress::tokens_now() const {
  std::size_t count = 0;
  for (const auto& [index, suggestion] : suggestions_) count += suggestion.tokens.size();
  return count;
}

}  // namespace inkfleet::gateway
