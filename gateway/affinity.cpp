#include "gateway/affinity.hpp"

#include <algorithm>

namespace inkfleet::gateway {

Upstream* Affinity::choose(const std::string& document, const std::vector<Candidate>& connected) {
  if (connected.empty()) return nullptr;
  auto chosen = std::ranges::min_element(connected, {}, &Candidate::outstanding);
  if (document.empty()) return chosen->upstream;
  const auto last = std::ranges::find(connected, last_of(document), &Candidate::upstream);
  if (last != connected.end() && last->outstanding <= chosen->outstanding + kMoreWork) chosen = last;
  remember(document, chosen->upstream);
  return chosen->upstream;
}

Upstream* Affinity::last_of(const std::string& document) const {
  const auto found = by_document_.find(document);
  return found == by_document_.end() ? nullptr : found->second->second;
}

void Affinity::remember(const std::string& document, Upstream* upstream) {
  if (const auto found = by_document_.find(document); found != by_document_.end()) {
    found->second->second = upstream;
    recent_.splice(recent_.begin(), recent_, found->second);
    return;
  }
  recent_.emplace_front(document, upstream);
  by_document_[document] = recent_.begin();
  if (recent_.size() <= kDocuments) return;
  by_document_.erase(recent_.back().first);
  recent_.pop_back();
}

}  // namespace inkfleet::gateway
