#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "model-service/gpt2/cpu_model.hpp"
#include "tests/unit/gpt2/files.hpp"

namespace inkfleet::gpt2::testing {

using engine::BlockId;
using engine::StepSlice;
using engine::TokenId;

inline std::unique_ptr<CpuModel> load(const fs::path& folder, int threads = 2) {
  return load_model(folder, {.threads = threads, .kv_bytes = std::size_t{256} << 20});
}

/// Blocks for sequences, given out from the last to the first so that no table is 0, 1, 2, ...
class Blocks {
 public:
  explicit Blocks(const CpuModel& model)
      : tokens_(model.shape().block_tokens), next_(model.shape().kv_blocks) {}

  BlockId take() {
    if (next_ == 0) throw std::runtime_error("test: no block left");
    return --next_;
  }
  std::vector<BlockId> take_for(std::size_t positions) {
    std::vector<BlockId> table((positions + tokens_ - 1) / tokens_);
    for (BlockId& block : table) block = take();
    return table;
  }

 private:
  int tokens_;
  BlockId next_;
};

inline std::vector<float> run(CpuModel& model, std::span<const StepSlice> slices) {
  const auto logits = model.step(slices).logits;
  return {logits.begin(), logits.end()};
}

/// The logits after the last of `ids`, in one step.
inline std::vector<float> prefill(CpuModel& model, std::span<const TokenId> ids,
                                  std::span<const BlockId> table) {
  const StepSlice slice{.tokens = ids, .blocks = table, .wants_logits = true};
  return run(model, {&slice, 1});
}

/// The same in chunks.
inline std::vector<float> prefill_in_chunks(CpuModel& model, std::span<const TokenId> ids,
                                            std::span<const BlockId> table, std::size_t chunk) {
  std::vector<float> logits;
  for (std::size_t done = 0; done < ids.size(); done += chunk) {
    const auto part = ids.subspan(done, std::min(chunk, ids.size() - done));
    const StepSlice slice{.tokens = part,
                          .first_position = static_cast<int>(done),
                          .blocks = table,
                          .wants_logits = done + part.size() == ids.size()};
    logits = run(model, {&slice, 1});
  }
  return logits;
}

struct Difference {
  float reached = 0;
  float allowed = 0;  ///< 1e-4 × max(1, largest |expected|)
};

inline Difference difference(std::span<const float> found, std::span<const float> expected) {
  if (found.size() != expected.size()) return {INFINITY, 0};
  float reached = 0;
  float largest = 1;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const float delta = std::abs(found[i] - expected[i]);
    reached = std::isnan(delta) ? INFINITY : std::max(reached, delta);
    largest = std::max(largest, std::abs(expected[i]));
  }
  return {reached, 1e-4F * largest};
}

/// Expects logits within the tolerance and prints what was reached.
inline void expect_close(const std::string& what, std::span<const float> found,
                         std::span<const float> expected) {
  const auto [reached, allowed] = difference(found, expected);
  std::printf("%s: largest difference %.2e, allowed %.2e\n", what.c_str(), reached, allowed);
  EXPECT_LE(reached, allowed) << what;
}

}  // namespace inkfleet::gpt2::testing
