// Attention over the paged cache against a plain softmax in double.
#include "model-service/gpu/cuda/kernels/attention.cuh"
#include "model-service/gpu/cuda/step_plan.hpp"
#include "tests/unit/gpu/kernel_support.hpp"

namespace inkfleet::gpu {
namespace {

using namespace testing;

constexpr int kBlockTokens = 16;
constexpr int kBlocks = 90;

struct Text {
  int first_position;
  int tokens;
  std::vector<std::int32_t> blocks;
};

/// Texts of all kinds: alone, long, a chunk of a prompt, twelve behind one prompt, one in the middle of a
/// block.
std::vector<Text> texts() {
  int next = kBlocks;
  const auto take = [&](int count) {
    std::vector<std::int32_t> blocks;
    for (int i = 0; i < count; ++i) blocks.push_back(--next);
    return blocks;
  };
  std::vector<Text> result{{0, 1, take(1)}, {310, 1, take(20)}, {9, 13, take(2)}, {64, 21, take(6)}};
  const auto prompt = take(5);
  for (int i = 0; i < 12; ++i) {
    auto blocks = prompt;
    blocks.push_back(take(1).front());
    result.push_back({80 + i, 1, blocks});
  }
  return result;
}

template <class T>
class AttentionCase {
 public:
  AttentionCase(int heads, int head_dim, int multiprocessors)
      : shape_({.vocab_size = 10,
                .context_length = 400,
                .width = heads * head_dim,
                .heads = heads,
                .layers = 1,
                .inner = 8,
                .type = INKFLEET_GPU_FP16,
                .block_tokens = kBlockTokens}),
        plan_(shape_, multiprocessors, 64),
        texts_(texts()) {
    plan_.set_kv_blocks(kBlocks);
    for (const Text& text : texts_) {
      slices_.push_back({tokens_.data(), text.tokens, text.first_position, text.blocks.data()});
      rows_ += text.tokens;
    }
    qkv_ = random_rounded<T>(static_cast<std::size_t>(rows_) * 3 * shape_.config.width, 41, 2.0F);
    cache_ = random_rounded<T>(static_cast<std::size_t>(kBlocks) * shape_.block_size(), 42);
  }

  /// Twice: what the first run leaves behind must not disturb the second.
  std::vector<T> run(const Launcher& launch, const Stream& stream) {
    std::vector<std::max_align_t> memory(plan_.capacity() / sizeof(std::max_align_t) + 1);
    auto* const base = reinterpret_cast<std::byte*>(memory.data());
    plan_.write(slices_, rows_, base);
    const auto on_device = to_device(memory);
    const StepView step = plan_.view(reinterpret_cast<std::byte*>(on_device.data()), rows_);
    const AttentionLimits limits = plan_.limits(rows_);
    const int heads = shape_.config.heads, width = shape_.config.width;
    const auto qkv = to_device(rounded<T>(qkv_));
    const auto cache = to_device(rounded<T>(cache_));
    const DeviceArray<T> out(static_cast<std::int64_t>(rows_) * width);
    const DeviceArray<float> part_out(static_cast<std::int64_t>(limits.parts) * width);
    const DeviceArray<float2> part_maxima(static_cast<std::int64_t>(limits.parts) * heads);
    const auto complete = to_device(std::vector<unsigned>(static_cast<std::size_t>(rows_) * heads, 0));
    const Attention<T> a{
        qkv.data(),      out.data(),         {cache.data(), shape_.block_size(), heads, shape_.head_dim, 4},
        kScale,          step.items,         step.item_count,
        step.positions,  step.parts,         step.tables,
        part_out.data(), part_maxima.data(), complete.data()};
    const int lanes = shape_.head_dim / kVector;
    const auto kernel = lanes <= 8 ? attention<8, T> : lanes <= 16 ? attention<16, T> : attention<32, T>;
    for (int i = 0; i < 2; ++i) {
      check(cudaMemsetAsync(out.data(), 0xff, static_cast<std::size_t>(out.bytes()), stream));
      launch(kernel, 7, kAttentionThreads, a);
    }
    stream.wait();
    return to_host(out);
  }

  [[nodiscard]] std::vector<double> expected() const {
    std::vector<double> result;
    int row = 0;
    for (const Text& text : texts_) {
      for (int t = 0; t < text.tokens; ++t, ++row) {
        for (int head = 0; head < shape_.config.heads; ++head)
          add_head(text, text.first_position + t, row, head, result);
      }
    }
    return result;
  }

 private:
  static constexpr float kScale = 0.3F;

  [[nodiscard]] double cached(const Text& text, int key, int head, int part, int d) const {
    const std::int64_t in_block =
        ((std::int64_t{part} * shape_.config.heads + head) * kBlockTokens + key % kBlockTokens) *
            shape_.head_dim +
        d;
    return cache_[text.blocks[key / kBlockTokens] * shape_.block_size() + in_block];
  }

  void add_head(const Text& text, int position, int row, int head, std::vector<double>& result) const {
    const int head_dim = shape_.head_dim;
    std::vector<double> weights;
    double sum = 0;
    for (int key = 0; key <= position; ++key) {
      double score = 0;
      for (int d = 0; d < head_dim; ++d) {
        score +=
            double{qkv_[row * 3 * shape_.config.width + head * head_dim + d]} * cached(text, key, head, 0, d);
      }
      weights.push_back(std::exp(score * kScale));
      sum += weights.back();
    }
    for (int d = 0; d < head_dim; ++d) {
      double out = 0;
      for (int key = 0; key <= position; ++key) out += weights[key] / sum * cached(text, key, head, 1, d);
      result.push_back(out);
    }
  }

  ModelShape shape_;
  StepPlan plan_;
  std::vector<Text> texts_;
  std::vector<std::int32_t> tokens_ = std::vector<std::int32_t>(64, 1);
  std::vector<inkfleet_gpu_slice> slices_;
  int rows_ = 0;
  std::vector<float> qkv_;
  std::vector<float> cache_;
};

TYPED_TEST_SUITE(KernelOf, Types);

// Heads of all widths there are kernels of, on a device for which everything is cut small and one for which
// nothing is. Turns red when: a tile is not rescaled to a later maximum; a row sees keys after its own; the
// counts of written parts are not set back.
TYPED_TEST(KernelOf, AttentionIsSoftmaxOverTheCache) {
  for (const int head_dim : {8, 64, 80, 136}) {
    for (const int multiprocessors : {1, 500}) {
      AttentionCase<TypeParam> attention_case(2, head_dim, multiprocessors);
      const auto found = attention_case.run(this->launch_, *this->stream_);
      EXPECT_LE(largest_error(found, attention_case.expected()), tolerance<TypeParam>())
          << "heads of " << head_dim << ", " << multiprocessors << " multiprocessors";
    }
  }
}

}  // namespace
}  // namespace inkfleet::gpu
