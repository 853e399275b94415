#include "gateway/prefills.hpp"

#include <algorithm>
#include <utility>

namespace inkfleet::gateway {

void Prefills::answer(const Upstream& from, proto::Prefilled frame) {
  const auto at = waiting_.find(&from);
  if (at == waiting_.end() || !frame.id) return;
  auto prefill = at->second.extract(*frame.id);  // before the call: it may ask for more
  if (prefill) prefill.mapped().answer(std::move(frame));
}

void Prefills::drop(const std::string& id) {
  for (auto& [upstream, prefills] : waiting_) prefills.erase(id);
}

void Prefills::drop_sent_until(TimePoint time) {
  for (auto& [upstream, prefills] : waiting_) {
    std::erase_if(prefills, [time](const auto& entry) { return entry.second.since <= time; });
  }
}

bool Prefills::contains(const std::string& id) const {
  return std::ranges::any_of(waiting_, [&id](const auto& entry) { return entry.second.contains(id); });
}

std::size_t Prefills::count(const Upstream& upstream) const {
  const auto found = waiting_.find(&upstream);
  return found == waiting_.end() ? 0 : found->second.size();
}

}  // namespace inkfleet::gateway
