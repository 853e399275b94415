#pragma once

#include <span>
#include <vector>

#include "model-service/engine/draw.hpp"
#include "proto/frames.hpp"

namespace inkfleet::engine {

using proto::TokenId;

/// Draws tokens as the wire contract says: temperature, top_k, top_p, then the inverse of the cumulative
/// distribution, summed in double in ascending id. A pure function of its arguments: the same logits,
/// parameters, uniform and allowed tokens give the same token whatever else is sampled. Holds only workspace;
/// one thread.
class Sampler {
 public:
  /// `logits` [V]; `uniform` in [0, 1); `allowed`: the only tokens to choose from, ascending; empty: all.
  TokenId sample(std::span<const float> logits, const SamplingParameters& parameters, double uniform,
                 std::span<const TokenId> allowed = {});

 private:
  struct Candidate {
    float logit;
    TokenId id;
  };

  void keep_all(std::span<const float> logits);
  void keep_allowed(std::span<const float> logits, std::span<const TokenId> allowed);
  void keep_top_k(std::span<const float> logits, std::size_t k);
  void cut_to_top_k(std::size_t k);
  static float cut_to_best(std::vector<Candidate>& candidates, std::size_t k);
  void weigh(double temperature);
  void keep_top_p(double p);
  TokenId draw(double uniform) const;

  std::vector<Candidate> candidates_;  ///< ascending id after keep_*
  std::vector<double> weights_;        ///< of candidates_, not normalised
  std::vector<std::size_t> order_;
};

/// Log-probability of `token` and the `alternatives` most probable tokens under softmax(logits).
proto::TokenLogprob log_probabilities(std::span<const float> logits, TokenId token, int alternatives);

}  // namespace inkfleet::engine
