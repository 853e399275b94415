// Steps of the GPU library: mixed, drawn from, refused, and on a device that is full or lost.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "model-service/engine/sampler.hpp"
#include "tests/unit/gpu/support.hpp"

namespace inkfleet::gpu {
namespace {

using namespace testing;

constexpr int kMemoryAllocation = 2;
constexpr int kInvalidValue = 1;

class TinyFp16 : public OnGpu {
 protected:
  SafetensorsFile file_{kData / "tiny.safetensors"};
  std::vector<std::int32_t> ids_ = recorded<std::int32_t>(file_, "ids");
  std::vector<float> expected_ = recorded<float>(file_, "logits");

  [[nodiscard]] std::span<const float> expected(std::size_t position, int vocab) const {
    return std::span(expected_).subspan(position * vocab, vocab);
  }
};

// Twelve suggestions behind one prompt, of whose blocks they share the whole ones and have a copy of the
// last, and a text of its own: the shared blocks are read for eight at once. Turns red when: a group's keys
// are taken from the wrong table; a row's parts are added without their weights.
TEST_F(TinyFp16, SuggestionsBehindOnePromptSeeItAndThemselves) {
  Model model(kData / "tiny", {.max_rows = 128});
  const int vocab = model.config().vocab_size;
  constexpr int kPrompt = 40;  // two whole blocks and a half
  const auto first = model.take_blocks(ids_.size());
  static_cast<void>(model.logits(std::vector<Slice>{{std::span(ids_).first(kPrompt), 0, first}}));
  std::vector<std::vector<std::int32_t>> tables{first};
  for (int i = 1; i < 12; ++i) {
    auto own = model.take_blocks(ids_.size());
    own[0] = first[0];
    own[1] = first[1];
    model.copy_block(first[2], own[2]);
    tables.push_back(own);
  }
  const auto alone = model.take_blocks(ids_.size());
  static_cast<void>(model.logits(std::vector<Slice>{{std::span(ids_).first(kPrompt), 0, alone}}));
  tables.push_back(alone);
  for (std::size_t position = kPrompt; position < (is_emulated() ? 50 : ids_.size()); ++position) {
    std::vector<Slice> slices;
    for (const auto& table : tables) {
      slices.push_back({std::span(ids_).subspan(position, 1), static_cast<int>(position), table});
    }
    const auto logits = model.logits(slices);
    for (std::size_t i = 0; i < tables.size(); ++i) {
      const double error =
          relative_error(std::span(logits).subspan(i * vocab, vocab), expected(position, vocab));
      ASSERT_LE(error, 2 * allowed_error(2, INKFLEET_GPU_FP16)) << "suggestion " << i << " at " << position;
    }
  }
}

// Chunks of a prompt beside texts that decode. Turns red when: a row may see keys after its own.
TEST_F(TinyFp16, ChunksAndDecodingMixInOneStep) {
  Model model(kData / "tiny", {.max_rows = 64});
  const int vocab = model.config().vocab_size;
  const auto decoding = model.take_blocks(ids_.size());
  const auto chunked = model.take_blocks(ids_.size());
  std::size_t fed = 0;
  for (std::size_t position = 0; fed < ids_.size(); ++position) {
    const std::size_t chunk = std::min<std::size_t>(11, ids_.size() - fed);
    const std::vector<Slice> slices{
        {std::span(ids_).subspan(fed, chunk), static_cast<int>(fed), chunked},
        {std::span(ids_).subspan(position, 1), static_cast<int>(position), decoding}};
    const auto logits = model.logits(slices);
    fed += chunk;
    const double of_chunk = relative_error(std::span(logits).first(vocab), expected(fed - 1, vocab));
    const double of_decoding = relative_error(std::span(logits).last(vocab), expected(position, vocab));
    EXPECT_LE(std::max(of_chunk, of_decoding), 2 * allowed_error(2, INKFLEET_GPU_FP16)) << position;
  }
}

// Draws of many kinds from each of a step's rows, several from one, against the engine's sampler on the same
// step's logits. Turns red when: top_k keeps the higher id among equals; top_p leaves out the token that
// reaches p; rows are mixed up.
TEST_F(TinyFp16, DrawsTheSamplersTokens) {
  Model model(kData / "tiny", {.max_rows = 64});
  const std::size_t vocab = model.config().vocab_size;
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> uniform;
  engine::Sampler sampler;
  int compared = 0;
  for (int round = 0; round < 4; ++round) {
    std::vector<std::vector<std::int32_t>> tables;
    std::vector<Slice> slices;
    for (std::size_t i = 0; i < 10; ++i) tables.push_back(model.take_blocks(6));
    for (std::size_t i = 0; i < 10; ++i) {
      slices.push_back({std::span(ids_).subspan(i * 5 + round, i % 3 == 0 ? 6 : 1), 0, tables[i]});
    }
    std::vector<Draw> draws;
    for (int i = 0; i < 200; ++i) {
      draws.push_back({.slice = static_cast<int>(random() % 10),
                       .top_k = i % 2 == 0 ? 0 : static_cast<int>(random() % (vocab + 2)),
                       .temperature = i % 10 == 0 ? 0.0 : uniform(random) * 2,
                       .top_p = i % 3 == 0 ? uniform(random) : 0.0,
                       .uniform = uniform(random)});
    }
    std::vector<int> all(10);
    for (int i = 0; i < 10; ++i) all[static_cast<std::size_t>(i)] = 9 - i;
    const auto answer = model.step(slices, draws, all);
    for (std::size_t i = 0; i < draws.size(); ++i) {
      const auto row =
          std::span(answer.logits).subspan(static_cast<std::size_t>(9 - draws[i].slice) * vocab, vocab);
      const engine::SamplingParameters parameters{draws[i].temperature, draws[i].top_k, draws[i].top_p};
      ASSERT_EQ(answer.drawn[i], sampler.sample(row, parameters, draws[i].uniform))
          << "temperature " << draws[i].temperature << ", top_k " << draws[i].top_k << ", top_p "
          << draws[i].top_p;
      ++compared;
    }
  }
  std::printf("%d draws equal\n", compared);
}

TEST_F(TinyFp16, WhatNoStepMayBeIsRefusedAndTheNextOneWorks) {
  Model model(kData / "tiny", {.max_rows = 16});
  const auto table = model.take_blocks(ids_.size());
  const std::int32_t too_high = model.config().vocab_size;
  const std::vector<std::int32_t> no_block{model.kv_blocks()};
  const std::vector<std::int32_t> one_token{1};
  Answer answer;
  const auto code = [&](const Slice& slice, const Draw& draw = {}) {
    return model.try_step({&slice, 1}, {&draw, 1}, {}, answer);
  };
  EXPECT_EQ(code({{&too_high, 1}, 0, table}), kInvalidValue);
  EXPECT_EQ(code({one_token, 64, table}), kInvalidValue);
  EXPECT_EQ(code({one_token, 0, no_block}), kInvalidValue);
  EXPECT_EQ(code({std::span(ids_).first(17), 0, table}), kInvalidValue);
  EXPECT_EQ(code({one_token, 0, table}, {.slice = 1}), kInvalidValue);
  EXPECT_EQ(code({one_token, 0, table}), 0);
}

TEST_F(OnGpu, AModelOfOtherWidthsIsRefused) {
  auto config = gpu_config(gpt2::load_config(kData / "tiny"), true, INKFLEET_GPU_FP16);
  inkfleet_gpu* gpu = nullptr;
  const auto open = [&](auto change) {
    auto changed = config;
    change(changed);
    return GPU_CALL(inkfleet_gpu_open)(0, &changed, &gpu);
  };
  EXPECT_EQ(open([](auto& c) { c.width = 36; }), kInvalidValue);  // heads of 9
  EXPECT_EQ(open([](auto& c) { c.block_tokens = 12; }), kInvalidValue);
  EXPECT_EQ(open([](auto& c) { c.type = INKFLEET_GPU_FP32; }), kInvalidValue);
}

// Without memory for a single block planning fails, and afterwards everything works. A real device has too
// much.
TEST_F(TinyFp16, WithoutMemoryForKeysAndValuesPlanningFailsAndCanBeTriedAgain) {
  if (!is_emulated()) GTEST_SKIP() << "skipped: the device is not emulated";
  auto* const bytes = static_cast<std::size_t*>(dlsym(library(), "inkfleet_emulated_bytes"));
  Model model(kData / "tiny", {.max_rows = 16});
  const std::size_t all = *bytes;
  int blocks = 0;
  for (std::size_t some = all / 2; some > 0; some /= 2) {  // fails sooner and sooner
    *bytes = some;
    const int code = GPU_CALL(inkfleet_gpu_plan)(model.gpu(), 16, 0, &blocks);
    if (code != 0) {
      EXPECT_EQ(code, kMemoryAllocation);
    }
    if (some == 1) {
      EXPECT_NE(code, 0);
    }
  }
  *bytes = all;
  ASSERT_EQ(GPU_CALL(inkfleet_gpu_plan)(model.gpu(), 16, 1 << 20, &blocks), 0);
  EXPECT_EQ(blocks, (1 << 20) / (2 * 2 * 32 * 16 * 2));
  const std::vector<std::int32_t> table{0};
  const auto logits = model.logits(std::vector<Slice>{{std::span(ids_).first(1), 0, table}});
  EXPECT_LE(relative_error(logits, expected(0, model.config().vocab_size)),
            2 * allowed_error(2, INKFLEET_GPU_FP16));
}

// Turns red when: a draw is made of another portion's logits.
TEST_F(TinyFp16, TheHeadOfManyRowsIsRunInPortions) {
  constexpr int kTexts = 530;
  Model model(kData / "tiny", {.max_rows = 600});
  std::vector<std::vector<std::int32_t>> tables;
  std::vector<Slice> slices;
  std::vector<Draw> draws;
  for (int i = 0; i < kTexts; ++i) tables.push_back(model.take_blocks(1));
  for (int i = 0; i < kTexts; ++i) {
    slices.push_back({std::span(ids_).subspan(i % 50, 1), 0, tables[i]});
    draws.push_back({.slice = kTexts - 1 - i});
  }
  const std::vector<int> ends{520, 20};
  const auto answer = model.step(slices, draws, ends);
  const std::size_t vocab = model.config().vocab_size;
  const auto first = std::span(answer.logits).first(vocab);
  EXPECT_LE(relative_error(first, std::span(answer.logits).last(vocab)), 1e-5) << "the same text";
  for (int i = 0; i < kTexts; ++i) EXPECT_EQ(answer.drawn[i], answer.drawn[(i + 50) % 500]) << i;
}

/// 0 when both calls say what is expected: the exit status of a process that loses its device.
int lose_device() {
  constexpr int kIllegalAddress = 700;
  Model model(kData / "tiny", {.max_rows = 16});
  const auto table = model.take_blocks(1);
  const std::int32_t token = 1;
  const Slice slice{{&token, 1}, 0, table};
  Answer answer;
  if (GPU_CALL(inkfleet_gpu_spin)(model.gpu(), 1) != 0) return 1;
  if (model.try_step({&slice, 1}, {}, {}, answer) != 0) return 2;
  if (GPU_CALL(inkfleet_gpu_break)(model.gpu()) != kIllegalAddress) return 3;
  return model.try_step({&slice, 1}, {}, {}, answer) == kIllegalAddress ? 0 : 4;
}

// In a process of its own, whose device is lost. Turns red when: the error is forgotten once it was reported.
TEST(LostDeviceDeathTest, AnIllegalAddressIsReportedByTheCallAndAllAfterIt) {
  if (const auto why = no_gpu(); !why.empty()) GTEST_SKIP() << "skipped: " << why;
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(std::_Exit(lose_device()), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace inkfleet::gpu
