#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

#include "model-service/gpu/cuda/device.cuh"
#include "model-service/gpu/cuda/memory.hpp"

/// Kernels against plain twins: arrays to the device and back, and random numbers.
namespace inkfleet::gpu::testing {

template <class Element>
DeviceArray<Element> to_device(const std::vector<Element>& elements) {
  DeviceArray<Element> array(static_cast<std::int64_t>(elements.size()));
  const Stream stream;
  check(cudaMemcpyAsync(array.data(), elements.data(), elements.size() * sizeof(Element),
                        cudaMemcpyHostToDevice, stream));
  stream.wait();
  return array;
}

template <class Element>
std::vector<Element> to_host(const DeviceArray<Element>& array) {
  std::vector<Element> elements(static_cast<std::size_t>(array.count()));
  const Stream stream;
  check(cudaMemcpyAsync(elements.data(), array.data(), static_cast<std::size_t>(array.bytes()),
                        cudaMemcpyDeviceToHost, stream));
  stream.wait();
  return elements;
}

template <class T>
std::vector<T> rounded(const std::vector<float>& numbers) {
  std::vector<T> result;
  for (const float number : numbers) result.push_back(from_float<T>(number));
  return result;
}

template <class T>
std::vector<float> widened(const std::vector<T>& numbers) {
  std::vector<float> result;
  for (const T number : numbers) result.push_back(to_float(number));
  return result;
}

inline std::vector<float> random_numbers(std::size_t count, unsigned seed, float size = 1.0F) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, size);
  std::vector<float> numbers(count);
  for (float& number : numbers) number = normal(random);
  return numbers;
}

/// Random numbers as they are once they have 16 bits.
template <class T>
std::vector<float> random_rounded(std::size_t count, unsigned seed, float size = 1.0F) {
  return widened(rounded<T>(random_numbers(count, seed, size)));
}

/// The largest difference, in steps of the type's mantissa at the size of the largest expected number.
template <class T>
double largest_error(const std::vector<T>& found, const std::vector<double>& expected) {
  double error = 0;
  double size = 1e-30;
  if (found.size() != expected.size()) return INFINITY;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const double difference = std::abs(to_float(found[i]) - expected[i]);
    error = std::isnan(difference) ? INFINITY : std::max(error, difference);
    size = std::max(size, std::abs(expected[i]));
  }
  return error / size;
}

/// Half a step of the mantissa's digits, and what sums in fp32 leave.
template <class T>
double tolerance() {
  if constexpr (sizeof(T) == 4) return 2e-6;
  return (std::is_same_v<T, __half> ? 1.0 / (1 << 11) : 1.0 / (1 << 8)) + 2e-6;
}

class KernelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    int count = 0;
    if (const auto code = cudaGetDeviceCount(&count); code != cudaSuccess || count == 0) {
      GTEST_SKIP() << "skipped: no GPU";
    }
    stream_ = std::make_unique<Stream>();
    launch_ = {*stream_, false};
  }
  void wait() const { stream_->wait(); }

  std::unique_ptr<Stream> stream_;
  Launcher launch_;
};

template <class T>
class KernelOf : public KernelTest {};

using Types = ::testing::Types<__half, __nv_bfloat16>;

}  // namespace inkfleet::gpu::testing
