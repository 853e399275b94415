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

}  // namespace
}  // namespace inkfleet::gpt2
