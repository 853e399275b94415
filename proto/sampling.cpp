#include "proto/sampling.hpp"

namespace inkfleet::proto {
namespace {

constexpr std::uint32_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;

std::array<std::uint32_t, 4> round_of(const std::array<std::uint32_t, 4>& x, std::uint32_t key0,
                                      std::uint32_t key1) {
  const std::uint64_t product0 = std::uint64_t{kMultiplier0} * x[0];
  const std::uint64_t product1 = std::uint64_t{kMultiplier1} * x[2];
  const auto high = [](std::uint64_t product) { return static_cast<std::uint32_t>(product >> 32); };
  const auto low = [](std::uint64_t product) { return static_cast<std::uint32_t>(product); };
  return {high(product1) ^ x[1] ^ key0, low(product1), high(product0) ^ x[3] ^ key1, low(product0)};
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    counter = round_of(counter, key[0], key[1]);
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

double uniform(std::uint64_t seed, std::uint32_t index, std::uint32_t position) {
  const std::array key{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  const auto x = philox4x32_10({index, position, 0, 0}, key);
  const std::uint64_t bits = std::uint64_t{x[1]} << 32 | x[0];
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace inkfleet::proto
