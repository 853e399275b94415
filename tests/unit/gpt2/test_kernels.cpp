// Every instruction set's kernels against the same formulas in double precision.
#include <random>

#include "model-service/gpt2/kernels/kernels.hpp"
#include "tests/unit/gpt2/support.hpp"

namespace inkfleet::gpt2 {
namespace {

using namespace testing;

std::vector<float> random_floats(std::size_t count, float spread, unsigned seed) {
  std::mt19937 bits(seed);
  std::normal_distribution<float> normal(0, spread);
  std::vector<float> values(count);
  for (float& value : values) value = normal(bits);
  return values;
}

class KernelTest : public ::testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels_ = *GetParam();

  /// Largest difference of an activation from f, over numbers of all sizes.
  template <class Function>
  float error_of_activation(void (*kernel)(float*, int), Function f) {
    std::vector<float> x;
    for (float v = -30; v <= 30; v += 0.0037F) x.push_back(v);
    for (const float v : {-1e30F, -1e5F, -100.0F, -0.0F, 1e-30F, 100.0F, 1e5F, 1e30F}) x.push_back(v);
    std::vector<float> y = x;
    kernel(y.data(), static_cast<int>(y.size()));
    double worst = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double expected = f(static_cast<double>(x[i]));
      worst = std::max(worst, std::abs(y[i] - expected) / std::max(1.0, std::abs(expected)));
    }
    return static_cast<float>(worst);
  }
};

INSTANTIATE_TEST_SUITE_P(InstructionSets, KernelTest, ::testing::ValuesIn(runnable_kernels()),
                         [](const auto& info) {
                           std::string name = info.param->instruction_set;
                           std::erase(name, '-');
                           return name;
                         });

TEST_P(KernelTest, ActivationsAreTheirFormulas) {
  EXPECT_LT(error_of_activation(kernels_.gelu_tanh,
                                [](double x) {
                                  return 0.5 * x *
                                         (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
                                }),
            3e-7);
  EXPECT_LT(
      error_of_activation(kernels_.gelu_erf, [](double x) { return 0.5 * x * (1 + std::erf(x / M_SQRT2)); }),
      1e-6);
  EXPECT_EQ(error_of_activation(kernels_.relu, [](double x) { return std::max(x, 0.0); }), 0);
}

TEST_P(KernelTest, ActivationsLetNotANumberThrough) {
  for (const auto kernel : {kernels_.gelu_tanh, kernels_.gelu_erf}) {
    std::vector<float> x(21, NAN);
    kernel(x.data(), 21);
    for (const float value : x) EXPECT_TRUE(std::isnan(value));
  }
}

TEST_P(KernelTest, LayerNormNormalisesAtAnyWidth) {
  for (const int width : {1, 3, 16, 31, 32, 100, 768}) {
    const auto x = random_floats(width, 3, width), weight = random_floats(width, 1, 2),
               bias = random_floats(width, 1, 3);
    std::vector<float> found(width);
    kernels_.layer_norm(x.data(), weight.data(), bias.data(), 1e-5F, width, found.data());
    double mean = 0, variance = 0;
    for (const float v : x) mean += v / static_cast<double>(width);
    for (const float v : x) variance += (v - mean) * (v - mean) / width;
    for (int i = 0; i < width; ++i) {
      EXPECT_NEAR(found[i], (x[i] - mean) / std::sqrt(variance + 1e-5) * weight[i] + bias[i], 5e-6) << width;
    }
  }
}

/// One head over a cache whose blocks are out of order, in memory that is not a number wherever nothing was
/// written.
struct AttentionCase {
  int head_dim;
  int positions;
  int heads = 3;
  int head = 1;

  std::vector<float> qkv = random_floats(static_cast<std::size_t>(positions) * 3 * heads * head_dim, 1, 7);

  [[nodiscard]] int width() const { return heads * head_dim; }
  [[nodiscard]] const float* row(int position, int part) const {  // 0 query, 1 key, 2 value
    return qkv.data() + (static_cast<std::ptrdiff_t>(position) * 3 + part) * width() + head * head_dim;
  }

  /// All positions, fed in chunks of `chunk` rows. Returns [positions, D].
  [[nodiscard]] std::vector<float> run(const Kernels& kernels, int chunk) const {
    const int blocks = (positions + kBlockTokens - 1) / kBlockTokens;
    const std::ptrdiff_t keys = static_cast<std::ptrdiff_t>(head_dim) * kBlockTokens;
    const std::ptrdiff_t stride = keys + padded_head_dim(head_dim) * kBlockTokens;
    std::vector<float> memory(blocks * stride, NAN);
    std::vector<float> scratch(attention_scratch(positions, head_dim), NAN);
    std::vector<std::int32_t> table(blocks);
    for (int i = 0; i < blocks; ++i) table[i] = blocks - 1 - i;
    std::vector<float> out(static_cast<std::size_t>(positions) * width(), NAN);
    for (int done = 0; done < positions; done += chunk) {
      kernels.attend({.qkv = qkv.data() + static_cast<std::ptrdiff_t>(done) * 3 * width(),
                      .out = out.data() + static_cast<std::ptrdiff_t>(done) * width(),
                      .width = width(),
                      .head = head,
                      .head_dim = head_dim,
                      .rows = std::min(chunk, positions - done),
                      .first_position = done,
                      .scale = 0.3F,
                      .keys = memory.data(),
                      .values = memory.data() + keys,
                      .block_stride = stride,
                      .blocks = table.data(),
                      .scratch = scratch.data()});
    }
    std::vector<float> result;
    for (int p = 0; p < positions; ++p) {
      const float* row = out.data() + static_cast<std::ptrdiff_t>(p) * width() + head * head_dim;
      result.insert(result.end(), row, row + head_dim);
    }
    return result;
  }

  [[nodiscard]] std::vector<double> expected_row(int position) const {
    std::vector<double> weights(position + 1), out(head_dim);
    double sum = 0;
    for (int k = 0; k <= position; ++k) {
      double score = 0;
      for (int d = 0; d < head_dim; ++d) score += static_cast<double>(row(position, 0)[d]) * row(k, 1)[d];
      sum += weights[k] = std::exp(0.3 * score);
    }
    for (int k = 0; k <= position; ++k) {
      for (int d = 0; d < head_dim; ++d) out[d] += weights[k] / sum * row(k, 2)[d];
    }
    return out;
  }
};

// Turns red when: the scores behind the last key are not taken out of the softmax.
TEST_P(KernelTest, AttentionIsItsFormula) {
  for (const auto& [head_dim, positions] : {std::pair{64, 200}, {8, 33}, {20, 16}, {80, 49}, {1, 5}}) {
    const AttentionCase c{head_dim, positions};
    const auto found = c.run(kernels_, positions);
    for (int p = 0; p < positions; ++p) {
      const auto expected = c.expected_row(p);
      for (int d = 0; d < head_dim; ++d) EXPECT_NEAR(found[p * head_dim + d], expected[d], 3e-6) << head_dim;
    }
  }
}

// Turns red when: a group of queries adds the values of keys that only some of them may see with a weight of
// 0.
TEST_P(KernelTest, AttentionHasTheSameBitsInChunksOfAnySize) {
  for (const auto& [head_dim, positions] : {std::pair{64, 150}, {8, 33}, {80, 49}}) {
    const AttentionCase c{head_dim, positions};
    const auto whole = c.run(kernels_, positions);
    for (const int chunk : {1, 2, 3, 5, 7, 16})
      EXPECT_EQ(c.run(kernels_, chunk), whole) << head_dim << " " << chunk;
  }
}

}  // namespace
}  // namespace inkfleet::gpt2
