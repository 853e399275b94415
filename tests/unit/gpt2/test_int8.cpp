// Products in 8 bits: the kernels against a plain twin and 64-bit integers, the linears built on them, and
// what they make of a whole model.
#include <bit>
#include <numeric>
#include <random>

#include "model-service/gpt2/int8_linear.hpp"
#include "model-service/gpt2/outlier_fold.hpp"
#include "model-service/gpt2/perplexity.hpp"
#include "tests/unit/gpt2/support.hpp"
#include "tokenizer/tokenizer.hpp"

namespace inkfleet::gpt2 {
namespace {

using namespace testing;

/// Rows and one panel, with memory of the right alignment.
struct Problem {
  int in;
  int rows;
  int columns;
  int weight_limit;

  int depth = round_up(in, kLaneDepth) / kLaneDepth;
  std::vector<std::uint8_t> inputs = std::vector<std::uint8_t>(std::size_t(rows) * quantized_stride(in));
  std::vector<RowScale> row_scales = std::vector<RowScale>(rows, {1.0F, 0});
  std::vector<std::int8_t> panel = std::vector<std::int8_t>(std::size_t(depth) * kPanelColumns * kLaneDepth);
  std::vector<std::int32_t> sums = std::vector<std::int32_t>(kPanelColumns);
  std::vector<float> scales = std::vector<float>(kPanelColumns, 1.0F);
  std::vector<float> bias = std::vector<float>(kPanelColumns, 0.0F);

  [[nodiscard]] std::int8_t& weight(int input, int column) {
    return panel[(input / kLaneDepth * kPanelColumns + column) * kLaneDepth + input % kLaneDepth];
  }

  void fill_at_random() {
    std::mt19937 bits(in * 100 + rows);
    const auto below = [&bits](int n) { return static_cast<int>(bits() % n); };
    for (auto& byte : inputs) byte = static_cast<std::uint8_t>(below(256));
    for (auto& row : row_scales) row = {1e-3F * static_cast<float>(1 + below(100)), below(256)};
    for (int c = 0; c < kPanelColumns; ++c) {
      scales[c] = 1e-3F * static_cast<float>(1 + below(100));
      bias[c] = static_cast<float>(below(100) - 50);
      for (int i = 0; i < in; ++i) {
        weight(i, c) = static_cast<std::int8_t>(below(2 * weight_limit + 1) - weight_limit);
        sums[c] -= weight(i, c);
      }
    }
  }

  /// [rows, columns + 1], the last column as it was.
  [[nodiscard]] std::vector<float> run(const Int8Kernels& kernels) const {
    std::vector<float> out(std::size_t(rows) * (columns + 1), 7.0F);
    kernels.multiply({.rows = inputs.data(),
                      .row_scales = row_scales.data(),
                      .row_count = rows,
                      .row_stride = quantized_stride(in),
                      .panel = panel.data(),
                      .next_panel = panel.data(),
                      .sums = sums.data(),
                      .scales = scales.data(),
                      .bias = bias.data(),
                      .depth = depth,
                      .columns = columns,
                      .out = out.data(),
                      .out_stride = columns + 1});
    return out;
  }
};

class Int8KernelTest : public ::testing::TestWithParam<const Int8Kernels*> {
 protected:
  const Int8Kernels& kernels_ = *GetParam();
  const Int8Kernels& twin_ = *runnable_int8_kernels().back();
};

INSTANTIATE_TEST_SUITE_P(InstructionSets, Int8KernelTest, ::testing::ValuesIn(runnable_int8_kernels()),
                         [](const auto& info) {
                           std::string name = info.param->instruction_set;
                           std::erase(name, '-');
                           return name;
                         });

// Turns red when: the last, shorter tile of rows is left out; a vector behind the last column is stored
// whole; the zero point is taken from the first row of a tile.
TEST_P(Int8KernelTest, HasTheTwinsBitsForAnyShape) {
  for (const int in : {1, 3, 4, 30, 64, 67, 256, 1000}) {
    for (int rows = 1; rows <= 40; ++rows) {
      Problem problem{in, rows, 1 + (rows * 7 + in) % kPanelColumns, kernels_.weight_limit};
      problem.fill_at_random();
      EXPECT_EQ(problem.run(kernels_), problem.run(twin_)) << in << " inputs, " << rows << " rows";
    }
  }
}

// Turns red when: AVX2's kernels say that they take 65 or more.
TEST_P(Int8KernelTest, DoesNotSaturate) {
  for (const int sign : {-1, 1}) {
    for (const int byte : {0, 1, 128, 255}) {
      Problem problem{4096, 7, kPanelColumns, kernels_.weight_limit};
      std::ranges::fill(problem.inputs, static_cast<std::uint8_t>(byte));
      std::ranges::fill(problem.panel, static_cast<std::int8_t>(sign * kernels_.weight_limit));
      const std::int64_t expected = std::int64_t{4096} * byte * sign * kernels_.weight_limit;
      const auto found = problem.run(kernels_);
      EXPECT_EQ(found.front(), static_cast<float>(expected)) << byte;
      EXPECT_EQ(found[6 * (kPanelColumns + 1) + kPanelColumns - 1], static_cast<float>(expected)) << byte;
    }
  }
}

std::vector<float> random_row(int width, float mean, unsigned seed) {
  std::mt19937 bits(seed);
  std::normal_distribution<float> normal(mean, 2);
  std::vector<float> row(width);
  for (float& x : row) x = normal(bits);
  return row;
}

// Turns red when: numbers are cut off instead of rounded; the tail of a row is left out of its range.
TEST_P(Int8KernelTest, QuantizesToTheNearestOf256Steps) {
  for (const int width : {1, 5, 16, 63, 64, 100, 1024}) {
    for (const float mean : {0.0F, -1.0F, 30.0F}) {
      const auto x = random_row(width, mean, width);
      std::vector<std::uint8_t> bytes(quantized_stride(width));
      const auto [scale, zero_point] = kernels_.quantize_row(x.data(), width, bytes.data());
      const float range = std::max(0.0F, std::ranges::max(x)) - std::min(0.0F, std::ranges::min(x));
      EXPECT_NEAR(scale, range / 255, range * 1e-6);
      for (int i = 0; i < width; ++i) {
        // The zero point is rounded too, so that the ends of the range may be half a step further off.
        const bool at_end = bytes[i] == 0 || bytes[i] == 255;
        EXPECT_NEAR((bytes[i] - zero_point) * scale, x[i], scale * (at_end ? 1.001 : 0.501))
            << width << " " << i;
      }
      std::vector<std::uint8_t> expected(bytes.size());
      EXPECT_EQ(twin_.quantize_row(x.data(), width, expected.data()), (RowScale{scale, zero_point}));
      EXPECT_TRUE(std::equal(bytes.begin(), bytes.begin() + width, expected.begin())) << width;
    }
  }
}

// Turns red when: the range is all that is looked at: comparisons do not see what is not a number.
TEST_P(Int8KernelTest, LetsNotANumberThrough) {
  for (const float bad : {NAN, -NAN, INFINITY, -INFINITY}) {
    for (const int place : {0, 20, 36}) {
      auto x = random_row(37, 0, 1);
      x[place] = bad;
      std::vector<std::uint8_t> bytes(quantized_stride(37));
      EXPECT_TRUE(std::isnan(kernels_.quantize_row(x.data(), 37, bytes.data()).scale)) << bad << " " << place;
    }
  }
}

TEST_P(Int8KernelTest, QuantizesARowOfZeros) {
  const std::vector<float> x(37, 0.0F);
  std::vector<std::uint8_t> bytes(quantized_stride(37));
  const auto [scale, zero_point] = kernels_.quantize_row(x.data(), 37, bytes.data());
  EXPECT_EQ(scale, 0.0F);
  for (int i = 0; i < 37; ++i) EXPECT_EQ(bytes[i], zero_point);
}

/// A matrix of [in, out] as GPT-2 keeps it, and the same as [out, in].
struct Matrix {
  int in;
  int out;
  std::vector<float> conv1d = random_row(in * out, 0, 3);
  std::vector<float> bias = random_row(out, 0, 4);
  std::vector<float> factors = random_row(in, 5, 5);

  [[nodiscard]] WeightSource source() const {
    return {conv1d.data(), out, 1, in, out, bias.data(), factors.data()};
  }

  [[nodiscard]] std::vector<double> product(const float* x) const {
    std::vector<double> y(bias.begin(), bias.end());
    for (int i = 0; i < in; ++i) {
      for (int o = 0; o < out; ++o) y[o] += static_cast<double>(x[i]) * factors[i] * conv1d[i * out + o];
    }
    return y;
  }
};

/// A packed matrix in memory of the alignment that pack() asks for.
class Packed {
 public:
  Packed(const WeightSource& source, const Int8Kernels& kernels)
      : memory_(packed_bytes(source.in, source.out) / sizeof(Line)),
        linear_((pack(source, kernels.weight_limit, data()), data()), source.in, source.out, kernels) {}

  [[nodiscard]] std::byte* data() { return reinterpret_cast<std::byte*>(memory_.data()); }
  [[nodiscard]] std::size_t size() const { return memory_.size() * sizeof(Line); }
  [[nodiscard]] const Int8Linear& linear() const { return linear_; }

 private:
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> memory_;
  Int8Linear linear_;
};

/// The product of `rows` rows of x with the whole matrix.
std::vector<float> multiply(const Int8Linear& linear, const Int8Kernels& kernels, const float* x, int in,
                            int rows) {
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(rows) * quantized_stride(in));
  std::vector<RowScale> scales;
  for (int row = 0; row < rows; ++row) {
    scales.push_back(kernels.quantize_row(x + row * in, in, bytes.data() + row * quantized_stride(in)));
  }
  std::vector<float> y(static_cast<std::size_t>(rows) * linear.outputs());
  for (int panel = 0; panel < linear.panels(); ++panel) {
    linear.multiply({bytes.data(), scales.data(), rows}, panel, linear.panel(panel),
                    y.data() + panel * kPanelColumns, linear.outputs());
  }
  return y;
}

// Turns red when: the inputs' factors are left out; the last panel's columns are taken from the panel before.
TEST_P(Int8KernelTest, LinearIsTheMatrixProduct) {
  for (const auto& [in, out] : {std::pair{64, 64}, {30, 130}, {257, 10}, {1, 1}}) {
    const Matrix matrix{in, out};
    Packed packed(matrix.source(), kernels_);
    const auto x = random_row(in, 0.5F, 9);
    const auto y = multiply(packed.linear(), kernels_, x.data(), in, 1);
    const auto expected = matrix.product(x.data());
    double error = 0, size = 0;
    for (int o = 0; o < out; ++o) {
      error += (y[o] - expected[o]) * (y[o] - expected[o]);
      size += expected[o] * expected[o];
    }
    // Steps of 1/127 of the largest weight and of 1/255 of the row's range, or 1/64 of the largest weight.
    EXPECT_LT(std::sqrt(error / size), kernels_.weight_limit == 127 ? 0.02 : 0.04) << in << " " << out;
  }
}

// Turns red when: a tile's second row is multiplied with the first row's scale.
TEST_P(Int8KernelTest, LinearGivesARowTheSameBitsAmongAnyOthers) {
  const Matrix matrix{100, 200};
  Packed packed(matrix.source(), kernels_);
  const auto x = random_row(40 * 100, 0, 11);
  std::vector<float> alone;
  for (int row = 0; row < 40; ++row) {
    const auto y = multiply(packed.linear(), kernels_, x.data() + row * 100, 100, 1);
    alone.insert(alone.end(), y.begin(), y.end());
  }
  for (int rows = 1; rows <= 40; ++rows) {
    const auto y = multiply(packed.linear(), kernels_, x.data(), 100, rows);
    EXPECT_EQ(std::memcmp(y.data(), alone.data(), sizeof(float) * rows * 200), 0) << rows;
  }
}

TEST(Int8Linear, PacksBothLayoutsOfAMatrixAlike) {
  const Matrix matrix{37, 70};
  std::vector<float> transposed(matrix.conv1d.size());
  for (int i = 0; i < 37; ++i) {
    for (int o = 0; o < 70; ++o) transposed[o * 37 + i] = matrix.conv1d[i * 70 + o];
  }
  const WeightSource other{transposed.data(), 1, 37, 37, 70, matrix.bias.data(), matrix.factors.data()};
  Packed a(matrix.source(), int8_kernels()), b(other, int8_kernels());
  EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size()), 0);
}

TEST(OutlierFold, DividesWhatStandsOutAndNothingElse) {
  std::vector<float> weight(64, 1.0F), bias(64, -0.5F);
  weight[5] = -40;
  bias[9] = 70;
  const LayerNorm norm{weight, bias};
  auto weight_before = weight, bias_before = bias;
  const LayerNorm before{weight_before, bias_before};
  const auto factors = fold_outliers(norm);
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(factors[i] > 1, i == 5 || i == 9) << i;
    EXPECT_FLOAT_EQ(norm.weight[i] * factors[i], before.weight[i]);
    EXPECT_FLOAT_EQ(norm.bias[i] * factors[i], before.bias[i]);
    EXPECT_LE(std::abs(norm.bias[i]) + 3 * std::abs(norm.weight[i]), 7.001);
  }
}

std::unique_ptr<CpuModel> load_int8(const fs::path& folder, int threads = 2,
                                    KvType kv_dtype = KvType::kFp32) {
  return load_model(folder, {.dtype = ComputeType::kInt8,
                             .kv_dtype = kv_dtype,
                             .threads = threads,
                             .kv_bytes = std::size_t{256} << 20});
}

class Int8Model : public ::testing::Test {
 protected:
  [[nodiscard]] static std::vector<TokenId> text(std::size_t length, int salt = 0) {
    std::vector<TokenId> ids(length);
    for (std::size_t i = 0; i < length; ++i)
      ids[i] = static_cast<TokenId>((i * i * 31 + i * 7 + salt * 1009 + 5) % 8192);
    return ids;
  }

  std::unique_ptr<CpuModel> model_ = load_int8(kSource / "models/gpt2-demo");
};

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

// Turns red when: all rows of a batch have the scale of the first.
TEST_F(Int8Model, HasTheSameBitsInBatchesOfAnySize) {
  const std::size_t vocab = model_->shape().vocab_size;
  Blocks blocks(*model_);
  std::vector<std::vector<TokenId>> texts;
  std::vector<std::vector<BlockId>> tables;
  std::vector<float> alone;
  for (int i = 0; i < 32; ++i) {
    texts.push_back(text(20 + i, i));
    tables.push_back(blocks.take_for(texts[i].size()));
    const auto logits = prefill(*model_, texts[i], tables[i]);
    alone.insert(alone.end(), logits.begin(), logits.end());
  }
  for (const int batch : {1, 7, 32}) {
    std::vector<StepSlice> slices;
    for (int i = 0; i < batch; ++i) {
      slices.push_back({.tokens = std::span(texts[i]).last(1),
                        .first_position = static_cast<int>(texts[i].size()) - 1,
                        .blocks = tables[i],
                        .wants_logits = true});
    }
    EXPECT_TRUE(same_bits(run(*model_, slices), std::span(alone).first(batch * vocab))) << batch;
  }
}

TEST_F(Int8Model, HasTheSameBitsInChunksOfAnySizeAndWithAnyNumberOfThreads) {
  const auto ids = text(150);
  for (const KvType kv_dtype : {KvType::kFp32, KvType::kInt8}) {
    std::vector<float> whole;
    for (const int threads : {1, 2, 3}) {
      const auto model = load_int8(kSource / "models/gpt2-demo", threads, kv_dtype);
      if (whole.empty()) whole = prefill(*model, ids, Blocks(*model).take_for(ids.size()));
      for (const std::size_t chunk : {1U, 7U, 64U, 150U}) {
        Blocks blocks(*model);
        EXPECT_TRUE(same_bits(prefill_in_chunks(*model, ids, blocks.take_for(ids.size()), chunk), whole))
            << threads << " threads, chunks of " << chunk;
      }
    }
  }
}

/// A copy of a model in F16 with two channels of each LayerNorm 32 times as large and the next matrix's
/// weights for them as much smaller: the same function, but for the rounding of the smallest weights.
void write_with_outliers(const fs::path& from, const fs::path& to) {
  constexpr float kFactor = 32;
  fs::copy(from, to);
  std::string bytes = read_file(from / "model.safetensors");
  const SafetensorsFile file(from / "model.safetensors");
  const auto data_begin = sizeof(std::uint64_t) + *reinterpret_cast<const std::uint64_t*>(bytes.data());
  const auto address = [&](const std::string& name) {
    return reinterpret_cast<std::uintptr_t>(file.tensors().at(name).bytes.data());
  };
  std::uintptr_t base = UINTPTR_MAX;
  for (const auto& [name, tensor] : file.tensors()) base = std::min(base, address(name));
  const auto scale = [&](const std::string& name, int row, int width, float factor) {
    const std::size_t offset = data_begin + (address(name) - base) + std::size_t(row) * width * 2;
    for (int i = 0; i < width; ++i) {
      _Float16 number;
      std::memcpy(&number, bytes.data() + offset + 2 * i, 2);
      number = static_cast<_Float16>(static_cast<float>(number) * factor);
      std::memcpy(bytes.data() + offset + 2 * i, &number, 2);
    }
  };
  for (int layer = 0; layer < 6; ++layer) {
    const std::string prefix = "transformer.h." + std::to_string(layer) + ".";
    for (const int channel : {17 + layer, 200 - 3 * layer}) {
      for (const auto& [norm, next, width] :
           {std::tuple{"ln_1", "attn.c_attn", 768}, {"ln_2", "mlp.c_fc", 1024}}) {
        scale(prefix + norm + ".weight", channel, 1, kFactor);
        scale(prefix + norm + ".bias", channel, 1, kFactor);
        scale(prefix + next + ".weight", channel, width, 1 / kFactor);
      }
    }
  }
  fs::remove(to / "model.safetensors");
  write_file(to / "model.safetensors", bytes);
}

// Turns red when: outliers are not folded (1.016); rows share a scale.
TEST(Int8Perplexity, IsThatOfFp32AlsoWithOutliers) {
  const fs::path plain = kSource / "models/gpt2-demo";
  TemporaryFolder folder;
  write_with_outliers(plain, folder.path() / "outliers");
  const auto text = read_file(kSource / "tests/data/texts/northanger-abbey-excerpt.txt");
  auto tokens = tokenizer::load_tokenizer(plain)->encode(text);
  tokens.resize(4096);
  const double fp32 = perplexity(*load(plain), tokens, 256);
  for (const fs::path& path : {plain, folder.path() / "outliers"}) {
    const double ratio = perplexity(*load_int8(path, 2, KvType::kInt8), tokens, 256) / fp32;
    std::printf("%s: perplexity of int8 / fp32 = %.5f\n", path.filename().c_str(), ratio);
    EXPECT_LE(ratio, 1.005);
    EXPECT_GE(ratio, 0.995);
  }
}

}  // namespace
}  // namespace inkfleet::gpt2
