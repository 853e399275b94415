#include "gateway/balancer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

namespace inkfleet::gateway {
namespace {

/// FNV-1a with a finish (SplitMix64): the same on every gateway.
std::uint64_t score(const std::string& document, const std::string& service) {
  std::uint64_t hash = 14695981039346656037U;
  for (const auto* text : {&document, &service}) {
    for (const char c : *text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    hash = (hash ^ 0xFFU) * 1099511628211U;
  }
  hash = (hash ^ (hash >> 30U)) * 0xBF58476D1CE4E5B9U;
  hash = (hash ^ (hash >> 27U)) * 0x94D049BB133111EBU;
  return hash ^ (hash >> 31U);
}

}  // namespace

void Balancer::add(Upstream& upstream) {
  auto& state = states_[&upstream];
  if (!state.upstream) state.order = ++added_;
  state.upstream = &upstream;
  state.removed = false;
}

void Balancer::remove(const Upstream& upstream) {
  const auto found = states_.find(&upstream);
  if (found == states_.end()) return;
  found->second.removed = true;
  if (found->second.outstanding == 0) states_.erase(found);
}

void Balancer::on_connected(const Upstream& upstream, Clock::time_point now) {
  if (const auto found = states_.find(&upstream); found != states_.end()) {
    found->second.connected_at = now;
    found->second.probe_fails = false;
  }
}

void Balancer::on_probe(const Upstream& upstream, bool well) {
  if (const auto found = states_.find(&upstream); found != states_.end()) found->second.probe_fails = !well;
}

Upstream* Balancer::choose(const Wish& wish, Clock::time_point now) const {
  const auto able = candidates(wish, now);
  if (able.empty()) return nullptr;
  const auto least = std::min_element(able.begin(), able.end(),
                                      [](const auto& a, const auto& b) { return a.load < b.load; });
  if (wish.document.empty()) return least->state->upstream;

  const auto own = std::max_element(able.begin(), able.end(), [&](const auto& a, const auto& b) {
    return score(wish.document, a.state->upstream->name()) < score(wish.document, b.state->upstream->name());
  });
  double total = 1.0;
  for (const auto& candidate : able) total += candidate.load;
  const double bound = kSlack + kBound * total / static_cast<double>(able.size());
  return (own->load <= bound ? own : least)->state->upstream;
}

// Those that are connected; of these, each wish narrows the choice unless nothing would be left.
std::vector<Balancer::Candidate> Balancer::candidates(const Wish& wish, Clock::time_point now) const {
  std::vector<Candidate> able;
  for (const auto& [upstream, state] : states_) {
    if (!state.removed && upstream != wish.avoid && upstream->connected())
      able.push_back({&state, load(state, now)});
  }
  std::sort(able.begin(), able.end(),
            [](const auto& a, const auto& b) { return a.state->order < b.state->order; });
  const auto prefer = [&able](auto wanted) {
    if (std::any_of(able.begin(), able.end(), wanted))
      std::erase_if(able, [&](auto& c) { return !wanted(c); });
  };
  prefer([](const Candidate& candidate) { return !candidate.state->probe_fails; });
  if (!wish.engine.empty()) {
    prefer([&](const Candidate& candidate) { return candidate.state->engine == wish.engine; });
  }
  return able;
}

double Balancer::failures(const State& state, Clock::time_point now) {
  if (state.failures == 0) return 0;
  const std::chrono::duration<double> age = now - state.failed_at;
  return state.failures * std::exp2(-age / std::chrono::duration<double>(kFailureHalfLife));
}

double Balancer::load(const State& state, Clock::time_point now) {
  double share = 1.0;
  if (state.connected_at) {
    const std::chrono::duration<double> age = now - *state.connected_at;
    share = std::clamp(age / std::chrono::duration<double>(kSlowStart), kSlowestStart, 1.0);
  }
  return (static_cast<double>(state.outstanding) + kFailureWeight * failures(state, now)) / share;
}

void Balancer::begin(const Upstream& upstream) {
  ++states_.at(&upstream).outstanding;
}

void Balancer::end(const Upstream& upstream, Outcome outcome, Clock::time_point now) {
  const auto found = states_.find(&upstream);
  if (found == states_.end() || found->second.outstanding == 0) return;
  auto& state = found->second;
  --state.outstanding;
  if (outcome == Outcome::kFailed) {
    state.failures = failures(state, now) + 1.0;
    state.failed_at = now;
  }
  if (state.removed && state.outstanding == 0) states_.erase(found);
}

void Balancer::learn_engine(const Upstream& upstream, std::string engine) {
  if (const auto found = states_.find(&upstream); found != states_.end())
    found->second.engine = std::move(engine);
}

std::string Balancer::engine_of(const Upstream& upstream) const {
  const auto found = states_.find(&upstream);
  return found == states_.end() ? std::string() : found->second.engine;
}

bool Balancer::any_connected() const {
  return std::any_of(states_.begin(), states_.end(),
                     [](const auto& entry) { return !entry.second.removed && entry.first->connected(); });
}

bool Balancer::probe_fails(const Upstream& upstream) const {
  const auto found = states_.find(&upstream);
  return found != states_.end() && found->second.probe_fails;
}

std::size_t Balancer::outstanding(const Upstream& upstream) const {
  const auto found = states_.find(&upstream);
  return found == states_.end() ? 0 : found->second.outstanding;
}

std::size_t Balancer::outstanding() const {
  std::size_t sum = 0;
  for (const auto& [upstream, state] : states_) sum += state.outstanding;
  return sum;
}

}  // namespace inkfleet::gateway
