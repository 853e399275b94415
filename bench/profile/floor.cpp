// What a step of int8 cannot be faster than on this machine: reading all weights once from memory, and
// multiplying them while they lie in the cache, with the kernel that the service uses.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "model-service/gpt2/int8_linear.hpp"
#include "model-service/gpt2/packed_memory.hpp"

namespace {

using namespace inkfleet::gpt2;
using Clock = std::chrono::steady_clock;

constexpr int kRepeats = 9;
constexpr std::size_t kMiB = std::size_t{1} << 20;

// gpt2-medium: the linears of 24 layers and the output head.
constexpr double kWeights = 24.0 * (1024 * 3072 + 1024 * 1024 + 2 * 1024 * 4096) + 50257.0 * 1024;

/// Milliseconds that `work(thread)` takes on all threads at once; the fastest of some.
double fastest_ms(int threads, const std::function<void(int)>& work) {
  double best = 1e9;
  for (int i = 0; i < kRepeats; ++i) {
    std::vector<std::thread> others;
    const auto began = Clock::now();
    for (int t = 1; t < threads; ++t) others.emplace_back(work, t);
    work(0);
    for (auto& other : others) other.join();
    best = std::min(best, std::chrono::duration<double, std::milli>(Clock::now() - began).count());
  }
  return best;
}

/// GB/s of reading memory that no cache holds.
double read_bandwidth(int threads) {
  PackedMemory memory(384 * kMiB);
  std::byte* const all = memory.take(384 * kMiB);
  std::fill_n(all, 384 * kMiB, std::byte{1});
  const std::size_t share = 384 * kMiB / threads / sizeof(std::uint64_t);
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(threads) * 8);
  const double ms = fastest_ms(threads, [&](int t) {
    const auto* words = reinterpret_cast<const std::uint64_t*>(all) + t * share;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < share; ++i) sum += words[i];
    sums[static_cast<std::size_t>(t) * 8] = sum;
  });
  if (sums[0] == 0) std::abort();  // so that the sums are computed
  return static_cast<double>(384 * kMiB) / ms / 1e6;
}

/// Billions of multiplications a second with `rows` rows and weights that stay in the cache.
double kernel_rate(int threads, int rows) {
  constexpr int kIn = 1024, kOut = 4 * kPanelColumns, kProducts = 200;
  const std::vector<float> weights(std::size_t{kIn} * kOut, 0.5F);
  const double ms = fastest_ms(threads, [&](int) {
    thread_local PackedMemory packed(packed_bytes(kIn, kOut));
    thread_local std::byte* matrix = nullptr;
    if (matrix == nullptr) {
      matrix = packed.take(packed_bytes(kIn, kOut));
      pack({weights.data(), 1, kIn, kIn, kOut, nullptr, nullptr}, int8_kernels().weight_limit, matrix);
    }
    const Int8Linear linear(matrix, kIn, kOut);
    const std::vector<std::uint8_t> bytes(static_cast<std::size_t>(rows) * quantized_stride(kIn), 3);
    const std::vector<RowScale> scales(rows, {1, 0});
    std::vector<float> out(static_cast<std::size_t>(rows) * kOut);
    for (int i = 0; i < kProducts; ++i) {
      for (int panel = 0; panel < linear.panels(); ++panel) {
        linear.multiply({bytes.data(), scales.data(), rows}, panel,
                        linear.panel((panel + 1) % linear.panels()),
                        out.data() + static_cast<std::ptrdiff_t>(panel) * kPanelColumns, kOut);
      }
    }
  });
  return static_cast<double>(threads) * kProducts * rows * kIn * kOut / ms / 1e6;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : 2;
  const double bandwidth = read_bandwidth(threads);
  std::printf("%d threads, %s\nmemory: %.1f GB/s, all weights of a gpt2-medium in %.2f ms\n", threads,
              int8_kernels().instruction_set, bandwidth, kWeights / bandwidth / 1e6);
  for (const int rows : {1, 5, 8, 32, 100}) {
    const double rate = kernel_rate(threads, rows);
    std::printf("kernel, %3d rows: %6.0f billion multiplications a second, all weights in %.2f ms\n", rows,
                rate, kWeights * rows / rate / 1e6);
  }
}
