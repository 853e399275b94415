// Draws on the device against engine::Sampler, token for token.
#include <algorithm>
#include <span>

#include "model-service/engine/sampler.hpp"
#include "model-service/gpu/cuda/kernels/sampling.cuh"
#include "tests/unit/gpu/kernel_support.hpp"

namespace inkfleet::gpu {
namespace {

using namespace testing;

/// Rows of logits as the head leaves them: each filled up, here with what must not be looked at.
struct PaddedRows {
  PaddedRows(const std::vector<float>& logits, int vocab)
      : stride((vocab + kLogitsOfLoad - 1) / kLogitsOfLoad * kLogitsOfLoad) {
    std::vector<float> padded;
    for (auto row = logits.begin(); row != logits.end(); row += vocab) {
      padded.insert(padded.end(), row, row + vocab);
      padded.resize(padded.size() + stride - vocab, NAN);
    }
    on_device = to_device(padded);
  }

  int stride;
  DeviceArray<float> on_device;
};

class Sampling : public KernelTest {
 protected:
  /// Draws from rows [n, vocab] of logits, and compares.
  void expect_samplers_tokens(const std::string& what, const std::vector<float>& logits, int vocab,
                              const std::vector<Draw>& draws) {
    const PaddedRows rows(logits, vocab);
    const auto draws_on_device = to_device(draws);
    const DeviceArray<int> drawn(static_cast<std::int64_t>(draws.size()));
    launch_(sample, static_cast<unsigned>(draws.size()), kSampleThreads, rows.on_device.data(), rows.stride,
            vocab, draws_on_device.data(), 0, static_cast<int>(logits.size()) / vocab, drawn.data());
    wait();
    const auto tokens = to_host(drawn);
    engine::Sampler sampler;
    for (std::size_t i = 0; i < draws.size(); ++i) {
      const auto row = std::span(logits).subspan(static_cast<std::size_t>(draws[i].row) * vocab, vocab);
      const engine::SamplingParameters parameters{draws[i].temperature, draws[i].top_k, draws[i].top_p};
      ASSERT_EQ(tokens[i], sampler.sample(row, parameters, draws[i].uniform))
          << what << ": temperature " << draws[i].temperature << ", top_k " << draws[i].top_k << ", top_p "
          << draws[i].top_p << ", uniform " << draws[i].uniform;
    }
  }

  std::vector<Draw> random_draws(int count, int rows, int vocab, unsigned seed) {
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> uniform;
    const std::vector<int> top_k{0, 0, 1, 2, 10, 40, 1000, vocab - 1, vocab, vocab + 1};
    const std::vector<double> top_p{0, 0, 0.05, 0.5, 0.9, 0.99, 0.999999, 1};
    const std::vector<double> temperature{0, 0.1, 0.7, 0.7, 1, 2};
    std::vector<Draw> draws;
    for (int i = 0; i < count; ++i) {
      draws.push_back({.row = static_cast<int>(random() % rows),
                       .top_k = std::max(0, top_k[random() % top_k.size()]),
                       .temperature = temperature[random() % temperature.size()],
                       .top_p = top_p[random() % top_p.size()],
                       .uniform = uniform(random)});
    }
    return draws;
  }
};

// The vocabulary of GPT-2, logits as a model has them. Turns red when: a histogram's boundary bin is left
// out; what the lower half of a bin's sum carries over is.
TEST_F(Sampling, AgreesOnGpt2sVocabulary) {
  constexpr int kVocab = 50257;
  std::vector<float> logits;
  for (const auto& [mean, spread] :
       std::vector<std::pair<float, float>>{{-80.0F, 4.0F}, {0.0F, 3.0F}, {5.0F, 0.1F}}) {
    for (const float number : random_numbers(kVocab, 31)) logits.push_back(mean + spread * number);
  }
  expect_samplers_tokens("gpt2", logits, kVocab, random_draws(60, 3, kVocab, 1));
}

// Vocabularies around a warp's and a block's size.
TEST_F(Sampling, AgreesOnSmallVocabularies) {
  for (const int vocab : {1, 2, 31, 32, 33, 97, 511, 512, 513, 1500}) {
    expect_samplers_tokens("vocabulary " + std::to_string(vocab), random_numbers(3 * vocab, vocab, 2.0F),
                           vocab, random_draws(150, 3, vocab, vocab));
  }
}

// Few values, many equals: what top_k and top_p keep of them is the first. Turns red when: ties are kept from
// the end; -0 is below 0.
TEST_F(Sampling, AgreesAmongEquals) {
  constexpr int kVocab = 700;
  std::mt19937 random(5);
  std::vector<float> logits;
  for (int i = 0; i < 4 * kVocab; ++i) {
    const float values[] = {0.0F, -0.0F, 1.5F, -3.0F};
    logits.push_back(i < kVocab ? 2.0F : values[random() % (i < 2 * kVocab ? 2 : 4)]);
  }
  expect_samplers_tokens("equals", logits, kVocab, random_draws(600, 4, kVocab, 6));
}

// One token has nearly all of the probability, the weights of most others are 0 in double.
TEST_F(Sampling, AgreesWhereWeightsVanish) {
  constexpr int kVocab = 300;
  auto logits = random_numbers(kVocab, 8, 400.0F);
  logits[123] = 3000.0F;
  auto draws = random_draws(200, 1, kVocab, 9);
  for (std::size_t i = 0; i < 20; ++i) draws[i].uniform = 1.0 - 1e-16;
  expect_samplers_tokens("vanishing", logits, kVocab, draws);
}

TEST_F(Sampling, DrawsNothingWhereALogitIsNoNumber) {
  constexpr int kVocab = 50;
  for (const float nan : {NAN, -NAN}) {
    auto numbers = random_numbers(kVocab, 12);
    numbers[33] = nan;
    const PaddedRows rows(numbers, kVocab);
    const auto draws =
        to_device(std::vector<Draw>{{.temperature = 0}, {.temperature = 1, .top_p = 0.5, .uniform = 0.3}});
    const auto drawn = to_device(std::vector<int>{5, 5});
    launch_(sample, 2, kSampleThreads, rows.on_device.data(), rows.stride, kVocab, draws.data(), 0, 1,
            drawn.data());
    wait();
    EXPECT_THAT(to_host(drawn), ::testing::ElementsAre(-1, -1));
  }
}

// Draws of rows that are not at hand are left alone: their logits come later.
TEST_F(Sampling, LeavesDrawsOfOtherRowsAlone) {
  constexpr int kVocab = 50;
  const PaddedRows rows(random_numbers(2 * kVocab, 10), kVocab);
  const auto draws = to_device(std::vector<Draw>{{.row = 4}, {.row = 5}, {.row = 6}, {.row = 3}});
  const auto drawn = to_device(std::vector<int>{-1, -1, -1, -1});
  launch_(sample, 4, kSampleThreads, rows.on_device.data(), rows.stride, kVocab, draws.data(), 4, 2,
          drawn.data());
  wait();
  const auto tokens = to_host(drawn);
  EXPECT_GE(tokens[0], 0);
  EXPECT_GE(tokens[1], 0);
  EXPECT_EQ(tokens[2], -1);
  EXPECT_EQ(tokens[3], -1);
}

}  // namespace
}  // namespace inkfleet::gpu
