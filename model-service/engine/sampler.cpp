#include "model-service/engine/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace inkfleet::engine {
namespace {

TokenId best_token(std::span<const float> logits) {
  return static_cast<TokenId>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

/// Logits that are looked at together.
constexpr std::size_t kStretch = 64;

/// Without a branch inside, so that the compiler can compare several at a time.
bool any_above(std::span<const float, kStretch> logits, float limit) {
  int above = 0;
  for (const float logit : logits) above |= static_cast<int>(logit > limit);
  return above != 0;
}

}  // namespace

TokenId Sampler::sample(std::span<const float> logits, const SamplingParameters& parameters, double uniform,
                        std::span<const TokenId> allowed) {
  const bool greedy = parameters.temperature == 0.0;
  if (greedy && allowed.empty()) return best_token(logits);
  const auto k = static_cast<std::size_t>(greedy ? 1 : parameters.top_k);
  if (!allowed.empty()) {
    keep_allowed(logits, allowed);
    if (k > 0 && k < candidates_.size()) cut_to_top_k(k);
    if (greedy) return candidates_.front().id;
  } else if (k > 0 && k < logits.size()) {
    keep_top_k(logits, k);
  } else {
    keep_all(logits);
  }
  weigh(parameters.temperature);
  if (parameters.top_p > 0.0 && parameters.top_p < 1.0) keep_top_p(parameters.top_p);
  return draw(uniform);
}

void Sampler::keep_all(std::span<const float> logits) {
  candidates_.clear();
  for (std::size_t id = 0; id < logits.size(); ++id) {
    candidates_.push_back({logits[id], static_cast<TokenId>(id)});
  }
}

void Sampler::keep_allowed(std::span<const float> logits, std::span<const TokenId> allowed) {
  candidates_.clear();
  for (const auto id : allowed) candidates_.push_back({logits[static_cast<std::size_t>(id)], id});
}

// One pass over the vocabulary: candidates gather in a buffer of 2k, which is cut back to the best k whenever
// it is full, and from then on only what beats the worst of those gets in: nothing in most stretches.
void Sampler::keep_top_k(std::span<const float> logits, std::size_t k) {
  candidates_.clear();
  float worst = -INFINITY;
  for (std::size_t begin = 0; begin < logits.size(); begin += kStretch) {
    const auto stretch = logits.subspan(begin, std::min(kStretch, logits.size() - begin));
    if (candidates_.size() >= k && stretch.size() == kStretch && !any_above(stretch.first<kStretch>(), worst))
      continue;
    for (std::size_t i = 0; i < stretch.size(); ++i) {
      if (candidates_.size() >= k && stretch[i] <= worst) continue;
      candidates_.push_back({stretch[i], static_cast<TokenId>(begin + i)});
      if (candidates_.size() == 2 * k) worst = cut_to_best(candidates_, k);
    }
  }
  cut_to_top_k(k);
}

void Sampler::cut_to_top_k(std::size_t k) {
  if (candidates_.size() > k) cut_to_best(candidates_, k);
  std::sort(candidates_.begin(), candidates_.end(),
            [](const Candidate& a, const Candidate& b) { return a.id < b.id; });
}

// Leaves the best k, in no order, and returns the worst logit among them.
float Sampler::cut_to_best(std::vector<Candidate>& candidates, std::size_t k) {
  std::nth_element(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(k - 1),
                   candidates.end(), [](const Candidate& a, const Candidate& b) {
                     return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
                   });
  candidates.resize(k);
  return candidates.back().logit;
}

void Sampler::weigh(double temperature) {
  const auto best =
      std::max_element(candidates_.begin(), candidates_.end(),
                       [](const Candidate& a, const Candidate& b) { return a.logit < b.logit; });
  const double peak = best->logit;
  weights_.resize(candidates_.size());
  for (std::size_t i = 0; i < candidates_.size(); ++i) {
    weights_[i] = std::exp((candidates_[i].logit - peak) / temperature);
  }
}

// The smallest set of the best candidates whose probability reaches p. Only as much of the order is made as
// is needed: the best 64, then four times as many, and so on.
void Sampler::keep_top_p(double p) {
  const double enough = p * std::accumulate(weights_.begin(), weights_.end(), 0.0);
  order_.resize(candidates_.size());
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  const auto better = [this](std::size_t a, std::size_t b) {
    return candidates_[a].logit > candidates_[b].logit ||
           (candidates_[a].logit == candidates_[b].logit && a < b);
  };
  double sum = 0.0;
  std::size_t kept = 0;
  std::size_t sorted = 0;
  while (kept < order_.size() && (kept == 0 || sum < enough)) {
    if (kept == sorted) {
      sorted = std::min(order_.size(), std::max<std::size_t>(64, sorted * 4));
      std::partial_sort(order_.begin() + static_cast<std::ptrdiff_t>(kept),
                        order_.begin() + static_cast<std::ptrdiff_t>(sorted), order_.end(), better);
    }
    sum += weights_[order_[kept++]];
  }
  order_.resize(kept);
  std::sort(order_.begin(), order_.end());
  for (std::size_t i = 0; i < kept; ++i) {
    candidates_[i] = candidates_[order_[i]];
    weights_[i] = weights_[order_[i]];
  }
  candidates_.resize(kept);
  weights_.resize(kept);
}

TokenId Sampler::draw(double uniform) const {
  const double target = uniform * std::accumulate(weights_.begin(), weights_.end(), 0.0);
  double sum = 0.0;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    sum += weights_[i];
    if (sum > target) return candidates_[i].id;
  }
  // Rounding can leave the sum at the target: the last candidate that can be drawn at all.
  const auto last = std::find_if(weights_.rbegin(), weights_.rend(), [](double w) { return w > 0.0; });
  return candidates_[static_cast<std::size_t>(weights_.rend() - last) - 1].id;
}

proto::TokenLogprob log_probabilities(std::span<const float> logits, TokenId token, int alternatives) {
  const double peak = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(logit - peak);
  const double log_sum = peak + std::log(sum);

  proto::TokenLogprob result{.logprob = logits[static_cast<std::size_t>(token)] - log_sum, .top = {}};
  std::vector<TokenId> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  const auto count = std::min(ids.size(), static_cast<std::size_t>(alternatives));
  const auto logit_of = [&](TokenId id) { return logits[static_cast<std::size_t>(id)]; };
  std::partial_sort(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(count), ids.end(),
                    [&](TokenId a, TokenId b) {
                      return logit_of(a) > logit_of(b) || (logit_of(a) == logit_of(b) && a < b);
                    });
  for (std::size_t i = 0; i < count; ++i) result.top.emplace_back(ids[i], logit_of(ids[i]) - log_sum);
  return result;
}

}  // namespace inkfleet::engine
