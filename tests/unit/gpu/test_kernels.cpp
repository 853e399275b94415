// Every kernel but attention and sampling against a plain twin, in both types of 16 bits. The same source
// runs on an emulated device and, compiled by nvcc, on a real one.
#include "model-service/gpu/cuda/kernels/activation.cuh"
#include "model-service/gpu/cuda/kernels/embedding.cuh"
#include "model-service/gpu/cuda/kernels/kv_layer.cuh"
#include "model-service/gpu/cuda/kernels/layer_norm.cuh"
#include "model-service/gpu/cuda/kernels/linear.cuh"
#include "model-service/gpu/cuda/kernels/place.cuh"
#include "tests/unit/gpu/kernel_support.hpp"

namespace inkfleet::gpu {
namespace {

using namespace testing;

TYPED_TEST_SUITE(KernelOf, Types);

double plain_activation(double x, inkfleet_gpu_activation activation) {
  if (activation == INKFLEET_GPU_RELU) return x > 0 ? x : 0;
  if (activation == INKFLEET_GPU_GELU_ERF) return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

std::vector<double> plain_norm(const std::vector<float>& x, int row, const std::vector<float>& weight,
                               const std::vector<float>& bias, double epsilon) {
  const int width = static_cast<int>(weight.size());
  double mean = 0, variance = 0;
  for (int i = 0; i < width; ++i) mean += x[row * width + i] / static_cast<double>(width);
  for (int i = 0; i < width; ++i) variance += std::pow(x[row * width + i] - mean, 2) / width;
  std::vector<double> out;
  for (int i = 0; i < width; ++i) {
    out.push_back((x[row * width + i] - mean) / std::sqrt(variance + epsilon) * weight[i] + bias[i]);
  }
  return out;
}

/// rows [n, in] times weights [out, in], without a bias
std::vector<double> plain_product(const std::vector<float>& rows, const std::vector<float>& weights, int in,
                                  int out) {
  std::vector<double> product;
  for (std::size_t row = 0; row < rows.size() / in; ++row) {
    for (int column = 0; column < out; ++column) {
      double sum = 0;
      for (int i = 0; i < in; ++i) sum += double{rows[row * in + i]} * weights[column * in + i];
      product.push_back(sum);
    }
  }
  return product;
}

// Turns red when: the position is left out.
TYPED_TEST(KernelOf, EmbedAddsTokenAndPosition) {
  using T = TypeParam;
  constexpr int kWidth = 40;
  const auto wte = random_rounded<T>(9 * kWidth, 1);
  const auto wpe = random_rounded<T>(5 * kWidth, 2);
  const std::vector<int> tokens{8, 0, 3};
  const std::vector<int> positions{0, 4, 2};
  const auto on_device = std::tuple{to_device(tokens), to_device(positions), to_device(rounded<T>(wte)),
                                    to_device(rounded<T>(wpe))};
  const DeviceArray<float> x(3 * kWidth);
  this->launch_(embed<T>, 3, 32, std::get<0>(on_device).data(), std::get<1>(on_device).data(),
                std::get<2>(on_device).data(), std::get<3>(on_device).data(), kWidth, x.data());
  this->wait();
  std::vector<double> expected;
  for (int row = 0; row < 3; ++row) {
    for (int i = 0; i < kWidth; ++i)
      expected.push_back(wte[tokens[row] * kWidth + i] + wpe[positions[row] * kWidth + i]);
  }
  EXPECT_LE(largest_error(to_host(x), expected), 1e-6);
}

// Chosen rows, a bias that waits, a mean far from 0. Turns red when: the variance is taken as mean of squares
// minus square of the mean; the bias is added after the sums.
TYPED_TEST(KernelOf, NormalisesChosenRowsWithTheirBias) {
  using T = TypeParam;
  for (const int width : {8, 200, 1024}) {
    auto x = random_numbers(4 * width, 3);
    for (float& number : x) number += 300.0F;
    const auto pending = random_numbers(width, 4);
    const auto weight = random_numbers(width, 5);
    const auto bias = random_numbers(width, 6);
    const std::vector<int> rows{3, 1};
    const auto x_on_device = to_device(x);
    const auto pending_on_device = to_device(pending);
    const auto weight_on_device = to_device(weight);
    const auto bias_on_device = to_device(bias);
    const auto rows_on_device = to_device(rows);
    const DeviceArray<T> h(2 * width);
    this->launch_(add_bias_and_normalise<T>, 2, kNormThreads, x_on_device.data(), pending_on_device.data(),
                  LayerNorm{weight_on_device.data(), bias_on_device.data(), 1e-5F}, rows_on_device.data(),
                  width, h.data());
    this->wait();
    for (std::size_t i = 0; i < x.size(); ++i) {
      const int row = static_cast<int>(i) / width;
      if (row == 1 || row == 3) x[i] += pending[i % width];
    }
    auto expected = plain_norm(x, 3, weight, bias, 1e-5);
    const auto second = plain_norm(x, 1, weight, bias, 1e-5);
    expected.insert(expected.end(), second.begin(), second.end());
    EXPECT_LE(largest_error(to_host(h), expected), tolerance<T>() + 1e-4) << width;
    EXPECT_EQ(to_host(x_on_device), x) << "the residual stream keeps the bias";
  }
}

// Turns red when: the two forms of GELU are taken for one.
TYPED_TEST(KernelOf, AddsBiasAndActivates) {
  using T = TypeParam;
  constexpr int kWidth = 24;
  for (const auto activation : {INKFLEET_GPU_GELU_TANH, INKFLEET_GPU_GELU_ERF, INKFLEET_GPU_RELU}) {
    const auto f = random_rounded<T>(50 * kWidth, 7);
    const auto bias = random_numbers(kWidth, 8);
    const auto on_device = to_device(rounded<T>(f));
    const auto bias_on_device = to_device(bias);
    this->launch_(add_bias_and_activate<T>, 1, kActivationThreads, on_device.data(), bias_on_device.data(),
                  kWidth, static_cast<std::int64_t>(f.size()), activation);
    this->wait();
    std::vector<double> expected;
    for (std::size_t i = 0; i < f.size(); ++i)
      expected.push_back(plain_activation(double{f[i]} + bias[i % kWidth], activation));
    EXPECT_LE(largest_error(to_host(on_device), expected), tolerance<T>()) << activation;
  }
  EXPECT_NE(activate(1.0F, INKFLEET_GPU_GELU_TANH), activate(1.0F, INKFLEET_GPU_GELU_ERF));
}

/// A cache of 5 blocks of 16 positions, 2 heads of 8.
template <class T>
struct SmallCache {
  static constexpr int kHeads = 2, kHeadDim = 8, kBlockTokens = 16, kBlocks = 5, kLayers = 2;
  static constexpr int kWidth = kHeads * kHeadDim;
  static constexpr int kLayerSize = 2 * kWidth * kBlockTokens;

  DeviceArray<T> numbers =
      to_device(std::vector<T>(static_cast<std::size_t>(kBlocks) * kLayers * kLayerSize, from_float<T>(-7)));

  /// of the second layer
  KvLayer<T> layer() const {
    return {numbers.data() + kLayerSize, kLayers * kLayerSize, kHeads, kHeadDim, 4};
  }

  static std::size_t place(int slot, int part, int column) {
    const int block = slot / kBlockTokens, head = column / kHeadDim;
    return static_cast<std::size_t>(block) * kLayers * kLayerSize + kLayerSize + part * kLayerSize / 2 +
           (head * kBlockTokens + slot % kBlockTokens) * kHeadDim + column % kHeadDim;
  }
};

/// Expects keys and values of rows [3 * width] at their slots and nothing else, and the queries in `qkv`.
template <class T>
void expect_put(const SmallCache<T>& cache, const std::vector<T>& qkv, const std::vector<int>& slots,
                const std::vector<double>& rows) {
  constexpr int kWidth = SmallCache<T>::kWidth;
  std::vector<double> expected(static_cast<std::size_t>(cache.numbers.count()), -7.0);
  std::vector<double> queries;
  std::vector<T> found;
  for (std::size_t row = 0; row < slots.size(); ++row) {
    for (int i = 0; i < kWidth; ++i) {
      queries.push_back(rows[row * 3 * kWidth + i]);
      found.push_back(qkv[row * 3 * kWidth + i]);
      expected[SmallCache<T>::place(slots[row], 0, i)] = rows[row * 3 * kWidth + kWidth + i];
      expected[SmallCache<T>::place(slots[row], 1, i)] = rows[row * 3 * kWidth + 2 * kWidth + i];
    }
  }
  EXPECT_LE(largest_error(to_host(cache.numbers), expected), tolerance<T>());
  EXPECT_LE(largest_error(found, queries), tolerance<T>());
}

// Turns red when: keys and values change places; a slot's position in its block is that of another.
TYPED_TEST(KernelOf, KeysAndValuesGoToTheirSlots) {
  using T = TypeParam;
  const SmallCache<T> cache;
  constexpr int kRow = 3 * SmallCache<T>::kWidth;
  const std::vector<int> slots{3 * 16 + 5, 0, 79};
  const auto qkv = random_rounded<T>(slots.size() * kRow, 9);
  const auto bias = random_numbers(kRow, 10);
  const auto on_device = to_device(rounded<T>(qkv));
  const auto bias_on_device = to_device(bias);
  const auto slots_on_device = to_device(slots);
  this->launch_(append_keys_and_values<T>, 3, kAppendThreads, on_device.data(), bias_on_device.data(),
                slots_on_device.data(), cache.layer());
  this->wait();
  std::vector<double> rows;
  for (std::size_t i = 0; i < qkv.size(); ++i) rows.push_back(double{qkv[i]} + bias[i % kRow]);
  expect_put(cache, to_host(on_device), slots, rows);
}

unsigned linear_blocks(int rows, int out) {
  const int columns = kLinearWarps * columns_of_warp(rows);
  return static_cast<unsigned>((out + columns - 1) / columns);
}

template <class T, int kRows>
void check_products(const Launcher& launch, const Stream& stream) {
  for (const auto& [in, out] : std::vector<std::pair<int, int>>{{8, 3}, {264, 13}, {1024, 8}, {2056, 5}}) {
    const auto rows = random_rounded<T>(static_cast<std::size_t>(kRows) * in, 11);
    const auto weights = random_rounded<T>(static_cast<std::size_t>(out) * in, 12);
    const auto bias = random_numbers(out, 13);
    auto x = random_numbers(static_cast<std::size_t>(kRows) * out, 14);
    const auto rows_on_device = to_device(rounded<T>(rows));
    const auto weights_on_device = to_device(rounded<T>(weights));
    const auto bias_on_device = to_device(bias);
    const auto x_on_device = to_device(x);
    const DeviceArray<T> f(static_cast<std::int64_t>(kRows) * out);
    const DeviceArray<float> logits(static_cast<std::int64_t>(kRows) * out);
    const Rows<T> input{rows_on_device.data()};
    const auto run = [&](auto output) {
      launch(few_rows_linear<kRows, T, Rows<T>, decltype(output)>, linear_blocks(kRows, out), kLinearThreads,
             weights_on_device.data(), in, out, input, output);
    };
    run(AddToResidual{x_on_device.data(), bias_on_device.data()});
    run(Activate<T>{f.data(), bias_on_device.data(), INKFLEET_GPU_RELU});
    run(PutLogits{logits.data()});
    stream.wait();
    const auto product = plain_product(rows, weights, in, out);
    std::vector<double> added, activated;
    for (std::size_t i = 0; i < product.size(); ++i) {
      added.push_back(x[i] + product[i] + bias[i % out]);
      activated.push_back(plain_activation(product[i] + bias[i % out], INKFLEET_GPU_RELU));
    }
    EXPECT_LE(largest_error(to_host(logits), product), 2e-6) << kRows << " rows of " << in;
    EXPECT_LE(largest_error(to_host(x_on_device), added), 2e-6);
    EXPECT_LE(largest_error(to_host(f), activated), tolerance<T>());
  }
}

// Widths below, at and above what a warp loads at once; columns that no warp fills. Turns red when: the
// second load's weights meet the first one's rows.
TYPED_TEST(KernelOf, ProductsOfFewRows) {
  check_products<TypeParam, 1>(this->launch_, *this->stream_);
  check_products<TypeParam, 2>(this->launch_, *this->stream_);
  check_products<TypeParam, 4>(this->launch_, *this->stream_);
  check_products<TypeParam, 8>(this->launch_, *this->stream_);
}

// Turns red when: rows are normalised without their bias, or with another row's mean.
TYPED_TEST(KernelOf, AProductNormalisesItsRowsAndPutsKeysAndValues) {
  using T = TypeParam;
  constexpr int kRows = 4;
  constexpr int kWidth = SmallCache<T>::kWidth;
  const SmallCache<T> cache;
  const auto x = random_numbers(kRows * kWidth, 15, 3.0F);
  const auto weight = random_numbers(kWidth, 16);
  const auto norm_bias = random_numbers(kWidth, 17);
  const auto weights = random_rounded<T>(3 * kWidth * kWidth, 18);
  const auto bias = random_numbers(3 * kWidth, 19);
  const std::vector<int> slots{7, 40, 41, 79};
  const auto x_on_device = to_device(x);
  const auto weight_on_device = to_device(weight);
  const auto norm_bias_on_device = to_device(norm_bias);
  const auto weights_on_device = to_device(rounded<T>(weights));
  const auto bias_on_device = to_device(bias);
  const auto slots_on_device = to_device(slots);
  const DeviceArray<T> qkv(kRows * 3 * kWidth);
  const NormalisedRows<T> input{x_on_device.data(),
                                {weight_on_device.data(), norm_bias_on_device.data(), 1e-5F}};
  const PutKeysAndValues<T> output{qkv.data(), bias_on_device.data(), slots_on_device.data(), cache.layer()};
  this->launch_.run(false, few_rows_linear<kRows, T, NormalisedRows<T>, PutKeysAndValues<T>>,
                    linear_blocks(kRows, 3 * kWidth), kLinearThreads, kRows * kWidth * sizeof(T),
                    weights_on_device.data(), kWidth, 3 * kWidth, input, output);
  this->wait();
  std::vector<float> normalised;
  for (int row = 0; row < kRows; ++row) {
    for (const double number : plain_norm(x, row, weight, norm_bias, 1e-5)) {
      normalised.push_back(to_float(from_float<T>(static_cast<float>(number))));
    }
  }
  auto expected = plain_product(normalised, weights, kWidth, 3 * kWidth);
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += bias[i % (3 * kWidth)];
  expect_put(cache, to_host(qkv), slots, expected);
}

// A piece from the middle of a matrix, as it lies and turned, from all formats.
TYPED_TEST(KernelOf, PlacesPiecesOfTensors) {
  using T = TypeParam;
  constexpr int kRows = 6, kColumns = 10, kFirst = 13, kCount = 31;
  const auto numbers = random_rounded<T>(kRows * kColumns, 20);
  const std::vector<float> piece(numbers.begin() + kFirst, numbers.begin() + kFirst + kCount);
  const auto floats = to_device(piece);
  const auto narrow = to_device(rounded<T>(piece));
  const auto own_type = std::is_same_v<T, __half> ? INKFLEET_GPU_FP16 : INKFLEET_GPU_BF16;
  for (const bool transposed : {false, true}) {
    for (const auto type : {INKFLEET_GPU_FP32, own_type}) {
      const int pitch = transposed ? 8 : 16;
      const auto out = to_device(std::vector<T>(160, from_float<T>(-7)));
      const void* const from =
          type == INKFLEET_GPU_FP32 ? static_cast<const void*>(floats.data()) : narrow.data();
      this->launch_(place_numbers<T>, 1, kPlaceThreads, from, type,
                    Placement{kFirst, kCount, kColumns, pitch, transposed}, out.data());
      this->wait();
      std::vector<float> expected(160, -7.0F);
      for (int i = kFirst; i < kFirst + kCount; ++i) {
        const int row = i / kColumns, column = i % kColumns;
        expected[transposed ? column * pitch + row : row * pitch + column] = numbers[i];
      }
      EXPECT_EQ(widened(to_host(out)), expected) << transposed << type;
    }
  }
}

}  // namespace
}  // namespace inkfleet::gpu
