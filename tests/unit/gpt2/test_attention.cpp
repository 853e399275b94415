// Attention of every instruction set and cache type: against its formula in double precision, and the same
// bits however rows are put together.
#include <random>

#include "model-service/gpt2/kernels/kernels.hpp"
#include "tests/unit/gpt2/support.hpp"

namespace inkfleet::gpt2 {
namespace {

using namespace testing;

std::vector<float> random_floats(std::size_t count, unsigned seed) {
  std::mt19937 bits(seed);
  std::normal_distribution<float> normal(0, 1);
  std::vector<float> values(count);
  for (float& value : values) value = normal(bits);
  return values;
}

/// The cache of one layer, in memory that is not a number wherever nothing was written, with blocks given
/// out from the last.
class LayerCache {
 public:
  LayerCache(KvType type, int heads, int head_dim, int blocks)
      : type_(type),
        keys_(heads * head_key_bytes(type, head_dim)),
        stride_(keys_ + heads * head_value_bytes(type, head_dim)),
        next_(blocks),
        memory_(stride_ * blocks, std::byte{0xff}) {}

  std::vector<BlockId> take(int blocks) {
    std::vector<BlockId> table(blocks);
    for (BlockId& block : table) block = --next_;
    return table;
  }

  void attend(const Kernels& kernels, AttentionLayer layer, const AttentionGroup& group, int head,
              int context) {
    std::vector<float> scratch(attention_scratch(context, layer.head_dim), NAN);
    layer.keys = memory_.data();
    layer.values = memory_.data() + keys_;
    layer.block_stride = stride_;
    kernels.attend(type_)(layer, group, head, scratch.data());
  }

  void copy(BlockId from, BlockId to) {
    std::copy_n(memory_.begin() + from * stride_, stride_, memory_.begin() + to * stride_);
  }

 private:
  KvType type_;
  std::ptrdiff_t keys_, stride_;
  BlockId next_;
  std::vector<std::byte> memory_;
};

int blocks_for(int positions) {
  return (positions + kBlockTokens - 1) / kBlockTokens;
}

struct Case {
  const Kernels* kernels;
  KvType type;
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const Kernels* kernels : runnable_kernels()) {
    cases.push_back({kernels, KvType::kFp32});
    cases.push_back({kernels, KvType::kFp16});
    cases.push_back({kernels, KvType::kInt8});
  }
  return cases;
}

class Attention : public ::testing::TestWithParam<Case> {
 protected:
  const Kernels& kernels_ = *GetParam().kernels;
  const KvType type_ = GetParam().type;

  static constexpr int kHeads = 3;
  static constexpr int kHead = 1;
  static constexpr float kScale = 0.3F;

  [[nodiscard]] static AttentionLayer layer(int head_dim, const float* qkv, float* out) {
    return {.qkv = qkv, .out = out, .width = kHeads * head_dim, .head_dim = head_dim, .scale = kScale};
  }

  /// Row `row` of what goes in: 0 query, 1 key, 2 value.
  [[nodiscard]] static const float* part(const std::vector<float>& qkv, int head_dim, int row, int which) {
    return qkv.data() + (static_cast<std::ptrdiff_t>(row) * 3 + which) * kHeads * head_dim +
           static_cast<std::ptrdiff_t>(kHead) * head_dim;
  }

  /// A head's key or value at a position as the cache keeps it.
  [[nodiscard]] std::vector<double> kept(std::span<const float> row) const {
    std::vector<double> values(row.begin(), row.end());
    if (type_ == KvType::kFp16) {
      for (double& value : values) value = static_cast<double>(static_cast<_Float16>(value));
    } else if (type_ == KvType::kInt8) {
      float largest = 0;
      for (const float value : row) largest = std::max(largest, std::abs(value));
      const float scale = largest / 127.0F;
      const float factor = scale > 0 ? 1.0F / scale : 0.0F;
      for (double& value : values) value = std::nearbyint(value * factor) * scale;
    }
    return values;
  }

  /// One sequence fed in chunks. Returns [positions, D].
  [[nodiscard]] std::vector<float> run(const std::vector<float>& qkv, int head_dim, int positions,
                                       int chunk) const {
    LayerCache cache(type_, kHeads, head_dim, blocks_for(positions));
    const auto table = cache.take(blocks_for(positions));
    std::vector<float> out(static_cast<std::size_t>(positions) * kHeads * head_dim, NAN);
    for (int done = 0; done < positions; done += chunk) {
      std::vector<AttentionRow> rows;
      for (int p = done; p < std::min(done + chunk, positions); ++p) {
        rows.push_back({.row = p, .position = p, .blocks = table.data()});
      }
      const AttentionGroup group{rows.data(), static_cast<int>(rows.size()), blocks_for(positions)};
      cache.attend(kernels_, layer(head_dim, qkv.data(), out.data()), group, kHead, positions);
    }
    std::vector<float> result;
    for (int p = 0; p < positions; ++p) {
      const float* row = out.data() + (static_cast<std::ptrdiff_t>(p) * kHeads + kHead) * head_dim;
      result.insert(result.end(), row, row + head_dim);
    }
    return result;
  }

  [[nodiscard]] std::vector<double> expected_row(const std::vector<float>& qkv, int head_dim,
                                                 int position) const {
    std::vector<double> weights(position + 1), out(head_dim);
    const float* query = part(qkv, head_dim, position, 0);
    double sum = 0;
    for (int k = 0; k <= position; ++k) {
      const auto key = kept({part(qkv, head_dim, k, 1), static_cast<std::size_t>(head_dim)});
      double score = 0;
      for (int d = 0; d < head_dim; ++d) score += query[d] * key[d];
      sum += weights[k] = std::exp(kScale * score);
    }
    for (int k = 0; k <= position; ++k) {
      const auto value = kept({part(qkv, head_dim, k, 2), static_cast<std::size_t>(head_dim)});
      for (int d = 0; d < head_dim; ++d) out[d] += weights[k] / sum * value[d];
    }
    return out;
  }
};

INSTANTIATE_TEST_SUITE_P(InstructionSets, Attention, ::testing::ValuesIn(all_cases()), [](const auto& info) {
  std::string name = info.param.kernels->instruction_set;
  std::erase(name, '-');
  return name + (info.param.type == KvType::kInt8   ? "Int8"
                 : info.param.type == KvType::kFp16 ? "Fp16"
                                                    : "Fp32");
});

constexpr std::pair<int, int> kShapes[] = {{64, 200}, {8, 33}, {20, 16}, {80, 49}, {160, 40}, {1, 5}};

TEST_P(Attention, IsItsFormula) {
  for (const auto& [head_dim, positions] : kShapes) {
    const auto qkv = random_floats(static_cast<std::size_t>(positions) * 3 * kHeads * head_dim, 7);
    const auto found = run(qkv, head_dim, positions, positions);
    for (int p = 0; p < positions; ++p) {
      const auto expected = expected_row(qkv, head_dim, p);
      for (int d = 0; d < head_dim; ++d) EXPECT_NEAR(found[p * head_dim + d], expected[d], 4e-6) << head_dim;
    }
  }
}

// Turns red when: rows side by side add the values of keys that only some of them may see.
TEST_P(Attention, HasTheSameBitsInChunksOfAnySize) {
  for (const auto& [head_dim, positions] : kShapes) {
    const auto qkv = random_floats(static_cast<std::size_t>(positions) * 3 * kHeads * head_dim, 8);
    const auto whole = run(qkv, head_dim, positions, positions);
    for (const int chunk : {1, 2, 3, 5, 7, 8, 9, 16}) {
      EXPECT_EQ(run(qkv, head_dim, positions, chunk), whole) << head_dim << " " << chunk;
    }
  }
}

// Turns red when: a row takes what lies behind the shared blocks from the group's first row.
TEST_P(Attention, HasTheSameBitsInAGroupOfAnySizeAsAlone) {
  constexpr int kDim = 64;
  for (const int prompt : {15, 16, 17, 31, 32, 33, 100}) {
    const int shared = prompt / kBlockTokens;
    for (const int members : {1, 2, 3, 5, 8, 9, 17, 32}) {
      // Each member has positions of its own behind the prompt, up to 20, and so 1 to 3 blocks.
      LayerCache cache(type_, kHeads, kDim, shared + 1 + members * 3);
      const auto prompt_table = cache.take(shared + 1);
      const auto qkv = random_floats(static_cast<std::size_t>(prompt + members * 21) * 3 * kHeads * kDim, 9);
      std::vector<float> out(static_cast<std::size_t>(prompt + members * 21) * kHeads * kDim, NAN);
      const auto in = layer(kDim, qkv.data(), out.data());
      const auto feed = [&](int first_row, int from, int to, const std::vector<BlockId>& table) {
        std::vector<AttentionRow> rows;
        for (int p = from; p < to; ++p) rows.push_back({first_row + p - from, p, table.data()});
        cache.attend(kernels_, in, {rows.data(), static_cast<int>(rows.size()), blocks_for(to)}, kHead, 200);
      };
      feed(0, 0, prompt, prompt_table);

      std::vector<std::vector<BlockId>> tables;
      std::vector<AttentionRow> last;
      for (int m = 0; m < members; ++m) {
        auto& table = tables.emplace_back(prompt_table.begin(), prompt_table.begin() + shared);
        for (const BlockId block : cache.take(3)) table.push_back(block);
        cache.copy(prompt_table[shared], table[shared]);
        const int own = m * 7 % 20;
        if (own > 0) feed(prompt + m * 21, prompt, prompt + own, table);
        last.push_back({prompt + m * 21 + own, prompt + own, nullptr});
      }
      for (int m = 0; m < members; ++m) last[m].blocks = tables[m].data();
      const auto result = [&] {
        std::vector<float> rows;
        for (const AttentionRow& row : last) {
          const float* from = out.data() + (row.row * kHeads + kHead) * kDim;
          rows.insert(rows.end(), from, from + kDim);
        }
        return rows;
      };
      for (const AttentionRow& row : last) cache.attend(kernels_, in, {&row, 1, 0}, kHead, 200);
      const auto alone = result();
      std::fill(out.begin(), out.end(), NAN);
      cache.attend(kernels_, in, {last.data(), members, shared}, kHead, 200);
      const auto together = result();
      EXPECT_EQ(std::memcmp(alone.data(), together.data(), alone.size() * sizeof(float)), 0)
          << prompt << " positions, " << members << " members";
    }
  }
}

// Turns red when: a position's scale goes to its neighbour; the largest magnitude is that of the key's head
// alone.
TEST_P(Attention, KeepsOneScaleForEachPosition) {
  constexpr int kDim = 64, kPositions = 40;
  auto qkv = random_floats(static_cast<std::size_t>(kPositions) * 3 * kHeads * kDim, 10);
  for (int p = 0; p < kPositions; ++p) {  // magnitudes from 1e-3 to 1e3, and a value of nothing but zeros
    const float factor = std::pow(10.0F, static_cast<float>(p % 7) - 3.0F);
    const auto first = qkv.begin() + static_cast<std::ptrdiff_t>(p) * 3 * kHeads * kDim;
    std::for_each(first + 2 * kHeads * kDim, first + 3 * kHeads * kDim,
                  [&](float& value) { value *= p % 11 == 5 ? 0.0F : factor; });
  }
  const auto found = run(qkv, kDim, kPositions, kPositions);
  for (int p = 0; p < kPositions; ++p) {
    const auto expected = expected_row(qkv, kDim, p);
    for (int d = 0; d < kDim; ++d) {
      EXPECT_NEAR(found[p * kDim + d], expected[d], 1e-5 * std::max(1.0, std::abs(expected[d])) + 2e-3) << p;
    }
  }
}

TEST_P(Attention, IsNotANumberWhereAKeyIsNot) {
  constexpr int kDim = 20;
  auto qkv = random_floats(std::size_t{2} * 3 * kHeads * kDim, 11);
  qkv[(kHeads + kHead) * kDim + 3] = NAN;
  for (const float value : run(qkv, kDim, 2, 2)) EXPECT_TRUE(std::isnan(value));
}

class Halves : public ::testing::TestWithParam<const Kernels*> {};

INSTANTIATE_TEST_SUITE_P(InstructionSets, Halves, ::testing::ValuesIn(runnable_kernels()),
                         [](const auto& info) {
                           std::string name = info.param->instruction_set;
                           std::erase(name, '-');
                           return name;
                         });

std::uint32_t bits_of(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

// Turns red when: the plain conversion reads subnormal halves as 0.
TEST_P(Halves, AreReadAsTheCompilerReadsThem) {
  std::vector<std::uint16_t> halves(65536);
  for (int i = 0; i < 65536; ++i) halves[i] = static_cast<std::uint16_t>(i);
  std::vector<float> found(halves.size());
  GetParam()->from_half(halves.data(), found.data(), static_cast<int>(halves.size()));
  for (int i = 0; i < 65536; ++i) {
    _Float16 half;
    std::memcpy(&half, &halves[i], sizeof half);
    const auto expected = static_cast<float>(half);
    if (std::isnan(expected)) {
      EXPECT_TRUE(std::isnan(found[i])) << i;
    } else {
      EXPECT_EQ(bits_of(found[i]), bits_of(expected)) << i;
    }
  }
}

// Turns red when: the plain conversion rounds a tie away from zero; what is too large becomes infinite.
TEST_P(Halves, AreWrittenAsTheCompilerWritesThemUpToTheLargest) {
  std::vector<float> values{0.0F, -0.0F, 1e-8F, -1e-8F, 65504.0F, 65519.9F, -65504.0F, 6e-8F};
  std::mt19937 random(5);
  while (values.size() < 300'000 ||
         values.size() % 16 != 0) {  // of all exponents that a half has, and ties between any two halves
    const auto half = static_cast<std::uint16_t>(random() % 0x7bff);
    _Float16 low;
    std::memcpy(&low, &half, sizeof low);
    const auto next_bits = static_cast<std::uint16_t>(half + 1);
    _Float16 high;
    std::memcpy(&high, &next_bits, sizeof high);
    const float sign = random() % 2 == 0 ? 1.0F : -1.0F;
    const float tie = (static_cast<float>(low) + static_cast<float>(high)) / 2;
    for (const float value : {tie, std::nextafter(tie, 0.0F), std::nextafter(tie, 1e9F)}) {
      values.push_back(sign * value);
    }
  }
  std::vector<std::uint16_t> found(values.size());
  GetParam()->to_half(values.data(), found.data(), static_cast<int>(values.size()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto expected = static_cast<_Float16>(values[i]);
    std::uint16_t bits;
    std::memcpy(&bits, &expected, sizeof bits);
    EXPECT_EQ(found[i], bits) << values[i];
  }
  std::vector<float> outside{65520.0F, 1e9F, INFINITY, -1e9F, NAN};
  outside.resize(16);
  std::vector<std::uint16_t> held(16);
  GetParam()->to_half(outside.data(), held.data(), 16);
  EXPECT_THAT(std::span(held).first(4), ::testing::ElementsAre(0x7bff, 0x7bff, 0x7bff, 0xfbff));
  EXPECT_GT(held[4] & 0x7fff, 0x7c00);  // not a number
}

}  // namespace
}  // namespace inkfleet::gpt2
