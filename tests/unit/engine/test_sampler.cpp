#include <gmock/gmock.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "model-service/engine/sampler.hpp"
#include "proto/sampling.hpp"

namespace inkfleet::engine {
namespace {

std::vector<float> random_logits(int size, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, 2.0F);
  std::vector<float> logits(static_cast<std::size_t>(size));
  for (auto& logit : logits) logit = normal(random);
  return logits;
}

TEST(Sampler, GreedyTakesTheBestAndTheLowerIdAmongEquals) {
  Sampler sampler;
  const std::vector<float> logits{0.5F, 2.0F, -1.0F, 2.0F};
  EXPECT_EQ(sampler.sample(logits, {.temperature = 0.0}, 0.9), 1);
}

TEST(Sampler, TopKPrefersTheLowerIdAmongEquals) {
  Sampler sampler;
  const std::vector<float> logits{1.0F, 3.0F, 3.0F, 3.0F, 1.0F};
  std::set<proto::TokenId> drawn;
  for (int i = 0; i < 100; ++i)
    drawn.insert(sampler.sample(logits, {.temperature = 1.0, .top_k = 2}, i / 100.0));
  EXPECT_THAT(drawn, ::testing::ElementsAre(1, 2));
}

TEST(Sampler, TopPKeepsTheSmallestSetThatReachesP) {
  Sampler sampler;
  const std::vector<float> logits{std::log(0.1F), std::log(0.5F), std::log(0.25F), std::log(0.15F)};
  std::set<proto::TokenId> drawn;
  for (int i = 0; i < 1000; ++i)
    drawn.insert(sampler.sample(logits, {.temperature = 1.0, .top_p = 0.7}, i / 1000.0));
  EXPECT_THAT(drawn, ::testing::ElementsAre(1, 2));
}

TEST(Sampler, TopPOfOneAndTopKOfTheVocabularyAreOff) {
  Sampler sampler;
  const auto logits = random_logits(50, 3);
  for (int i = 0; i < 200; ++i) {
    const double uniform = i / 200.0;
    const auto plain = sampler.sample(logits, {.temperature = 0.9}, uniform);
    EXPECT_EQ(plain, sampler.sample(logits, {.temperature = 0.9, .top_k = 50}, uniform));
    EXPECT_EQ(plain, sampler.sample(logits, {.temperature = 0.9, .top_p = 1.0}, uniform));
  }
}

// Against the distribution computed plainly. The 0.999 quantile of chi-square with d degrees of freedom is
// close to d + 3.1 sqrt(2 d) + 5. Break: shift the uniform's bits, or draw from weights in descending order
// of id.
TEST(Sampler, DrawsFromTheExactDistribution) {
  constexpr int kDraws = 200000;
  const auto logits = random_logits(40, 11);
  Sampler sampler;
  for (const auto& [top_k, top_p, temperature] : std::vector<std::tuple<int, double, double>>{
           {0, 0.0, 1.0}, {10, 0.0, 0.7}, {0, 0.9, 1.3}, {20, 0.8, 0.5}}) {
    // The reference: sort everything, keep what the parameters say, normalise.
    std::vector<std::pair<double, int>> sorted;
    for (int id = 0; id < 40; ++id) sorted.emplace_back(-logits[static_cast<std::size_t>(id)], id);
    std::sort(sorted.begin(), sorted.end());
    if (top_k > 0) sorted.resize(static_cast<std::size_t>(top_k));
    double total = 0.0;
    for (const auto& [negative, id] : sorted) total += std::exp(-negative / temperature);
    std::vector<double> expected(40, 0.0);
    double reached = 0.0;
    for (const auto& [negative, id] : sorted) {
      expected[static_cast<std::size_t>(id)] = std::exp(-negative / temperature) / total;
      reached += expected[static_cast<std::size_t>(id)];
      if (top_p > 0.0 && reached >= top_p) break;
    }
    std::vector<int> counts(40, 0);
    for (int i = 0; i < kDraws; ++i) {
      const auto token = sampler.sample(
          logits, {.temperature = temperature, .top_k = top_k, .top_p = top_p},
          proto::uniform(42, static_cast<std::uint32_t>(i % 5), static_cast<std::uint32_t>(i / 5)));
      ++counts[static_cast<std::size_t>(token)];
    }
    double chi_square = 0.0;
    int freedom = -1;
    for (std::size_t id = 0; id < 40; ++id) {
      const double mean = expected[id] / reached * kDraws;
      if (mean == 0.0) {
        EXPECT_EQ(counts[id], 0);
        continue;
      }
      chi_square += (counts[id] - mean) * (counts[id] - mean) / mean;
      ++freedom;
    }
    EXPECT_LT(chi_square, freedom + 3.1 * std::sqrt(2.0 * freedom) + 5);
  }
}

// Vectors made by an independent program from the text of the contract.
TEST(Sampler, AgreesWithTheContractsGoldenVectors) {
  std::ifstream file(INKFLEET_SOURCE_DIR "/proto/golden/sampling.json");
  const auto golden = nlohmann::json::parse(file);
  ASSERT_GT(golden.at("sampling").size(), 10U);
  Sampler sampler;
  for (const auto& entry : golden.at("sampling")) {
    const auto logits = entry.at("logits").get<std::vector<float>>();
    const SamplingParameters parameters{
        .temperature = entry.at("temperature"), .top_k = entry.at("top_k"), .top_p = entry.at("top_p")};
    EXPECT_EQ(sampler.sample(logits, parameters, entry.at("uniform")), entry.at("token").get<int>())
        << entry.at("name");
  }
}

TEST(LogProbabilities, AreOfTheWholeDistribution) {
  const std::vector<float> logits{std::log(0.1F), std::log(0.6F), std::log(0.3F)};
  const auto result = log_probabilities(logits, 2, 2);
  EXPECT_NEAR(result.logprob, std::log(0.3), 1e-6);
  ASSERT_EQ(result.top.size(), 2U);
  EXPECT_EQ(result.top[0].first, 1);
  EXPECT_NEAR(result.top[0].second, std::log(0.6), 1e-6);
  EXPECT_EQ(result.top[1].first, 2);
}

}  // namespace
}  // namespace inkfleet::engine
