#pragma once

#include <random>
#include <string>
#include <vector>

#include "proto/frames.hpp"

namespace inkfleet::engine::testing {

/// Requests of all kinds: several suggestions, greedy ones, log-probabilities, healed prompts, resumed ones.
inline std::vector<proto::Suggest> mixed_requests() {
  std::mt19937 random(3);
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<>(low, high)(random); };
  std::vector<proto::Suggest> requests;
  for (int i = 0; i < 40; ++i) {
    proto::Suggest suggest{
        .prompt = std::string(static_cast<std::size_t>(pick(2, 40)), static_cast<char>('a' + i % 26)),
        .n = pick(1, 5),
        .max_tokens = pick(4, 20),
        .temperature = pick(0, 3) == 0 ? 0.0 : 0.9,
        .top_k = pick(0, 20),
        .top_p = pick(0, 1) * 0.8,
        .seed = static_cast<std::uint64_t>(i)};
    if (i % 4 == 1) suggest.logprobs = 2;
    if (i % 4 == 2) suggest.heal = true;
    if (i % 4 == 3) {
      suggest.resume.emplace();
      for (int index = 0; index < suggest.n; ++index) {
        suggest.resume->push_back(
            {index, std::vector<proto::TokenId>(static_cast<std::size_t>((i + 2 * index) % 3), 'r')});
      }
    }
    requests.push_back(std::move(suggest));
  }
  return requests;
}

}  // namespace inkfleet::engine::testing
