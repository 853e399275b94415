#include <algorithm>
#include <cmath>
#include <type_traits>

#include "model-service/gpu/cuda/kernels/attention.cuh"
#include "model-service/gpu/cuda/kernels/embedding.cuh"
#include "model-service/gpu/cuda/kernels/linear.cuh"
#include "model-service/gpu/cuda/kernels/sampling.cuh"
#include "model-service/gpu/cuda/pass.hpp"

namespace inkfleet::gpu {
namespace {

unsigned blocks_for(std::int64_t items, std::int64_t items_of_block) {
  return static_cast<unsigned>((items + items_of_block - 1) / items_of_block);
}

/// What the activations of the largest step need.
template <class T>
struct Workspace {
  Workspace(const ModelShape& shape, const StepPlan& plan, int max_rows, cudaStream_t stream)
      : x(zeroed<float>(std::int64_t{max_rows} * shape.config.width, stream)),
        h(zeroed<T>(std::int64_t{max_rows} * shape.config.width, stream)),
        qkv(zeroed<T>(std::int64_t{max_rows} * 3 * shape.config.width, stream)),
        attended(zeroed<T>(std::int64_t{max_rows} * shape.config.width, stream)),
        f(zeroed<T>(std::int64_t{max_rows} * shape.inner, stream)),
        logits(zeroed<float>(std::int64_t{std::min(max_rows, kHeadRows)} * shape.vocab, stream)),
        part_out(zeroed<float>(std::int64_t{plan.limits(max_rows).parts} * shape.config.width, stream)),
        part_maxima(zeroed<float2>(std::int64_t{plan.limits(max_rows).parts} * shape.config.heads, stream)),
        complete(zeroed<unsigned>(std::int64_t{max_rows} * shape.config.heads, stream)) {}

  DeviceArray<float> x;  ///< [rows, width]: the residual stream
  DeviceArray<T> h;      ///< [rows, width]: what was normalised last
  DeviceArray<T> qkv;    ///< [rows, 3 * width]
  DeviceArray<T> attended;
  DeviceArray<T> f;  ///< [rows, inner]
  DeviceArray<float> logits;
  DeviceArray<float> part_out;
  DeviceArray<float2> part_maxima;
  DeviceArray<unsigned> complete;
};

template <class T>
class PassOf : public Pass {
 public:
  PassOf(const ModelShape& shape, const Weights& weights, const Cublas& cublas, const StepPlan& plan,
         int max_rows, const Device& device, cudaStream_t stream)
      : shape_(shape),
        c_(shape_.config),
        weights_(weights),
        cublas_(cublas),
        multiprocessors_(device.multiprocessors),
        launch_{stream, device.can_overlap},
        work_(shape, plan, max_rows, stream) {
    while (few_rows_ > 1 && few_rows_ * c_.width * static_cast<int>(sizeof(T)) > kNormalisedBytes)
      few_rows_ /= 2;
  }

  void use_cache(void* keys_and_values) override { cache_ = static_cast<T*>(keys_and_values); }

  [[nodiscard]] int filled_rows(int rows) const override {
    if (rows > few_rows_) return rows;
    int filled = 1;
    while (filled < rows) filled *= 2;
    return filled;
  }

  void run_layers(const StepView& step, int rows, const AttentionLimits& limits) override {
    step_ = step;
    rows_ = rows;
    attention_blocks_ =
        static_cast<unsigned>(std::min(limits.items * c_.heads, kAttentionBlocks * multiprocessors_));
    launch_(embed<T>, static_cast<unsigned>(rows), kEmbedThreads, step.tokens, step.positions,
            matrix(INKFLEET_GPU_WTE), matrix(INKFLEET_GPU_WPE), c_.width, work_.x.data());
    for (int layer = 0; layer < c_.layers; ++layer) {
      if (rows <= few_rows_) {
        with_rows(rows, [&](auto count) { run_layer_of_few_rows<count()>(layer); });
      } else {
        run_layer(layer);
      }
    }
  }

  const float* run_head(const int* wanted, int count, int rows) override {
    const float* const pending =
        rows <= few_rows_ ? nullptr : bias(INKFLEET_GPU_MLP_C_PROJ_BIAS, c_.layers - 1);
    launch_(add_bias_and_normalise<T>, static_cast<unsigned>(count), kNormThreads, work_.x.data(), pending,
            norm(INKFLEET_GPU_LN_F_WEIGHT, INKFLEET_GPU_LN_F_BIAS, 0), wanted, c_.width, work_.h.data());
    const T* const head = static_cast<const T*>(weights_.head());
    if (count <= few_rows_) {
      with_rows(filled_rows(count), [&](auto rows_of_kernel) {
        multiply<rows_of_kernel()>(head, c_.width, shape_.vocab, Rows<T>{work_.h.data()},
                                   PutLogits{work_.logits.data()}, 0);
      });
    } else {
      cublas_.multiply(head, work_.h.data(), count, c_.width, shape_.vocab, kType, work_.logits.data(),
                       CUDA_R_32F, false);
    }
    return work_.logits.data();
  }

  void draw(const Draw* draws, int count, int first_row, int row_count, int* drawn) override {
    launch_(sample, static_cast<unsigned>(count), kSampleThreads, work_.logits.data(), shape_.vocab,
            c_.vocab_size, draws, first_row, row_count, drawn);
  }

 private:
  static constexpr cudaDataType kType = std::is_same_v<T, __half> ? CUDA_R_16F : CUDA_R_16BF;
  static constexpr int kEmbedThreads = 128;

  const T* matrix(inkfleet_gpu_tensor tensor, int layer = 0) const {
    return static_cast<const T*>(weights_.matrix(tensor, layer));
  }
  const float* bias(inkfleet_gpu_tensor tensor, int layer) const { return weights_.floats(tensor, layer); }
  LayerNorm norm(inkfleet_gpu_tensor weight, inkfleet_gpu_tensor bias_of_norm, int layer) const {
    return {weights_.floats(weight, layer), weights_.floats(bias_of_norm, layer), c_.layer_norm_epsilon};
  }
  KvLayer<T> kv_layer(int layer) const {
    const std::int64_t of_layer = std::int64_t{2} * c_.width * c_.block_tokens;
    return {cache_ + layer * of_layer, shape_.block_size(), c_.heads, shape_.head_dim, shape_.block_shift};
  }
  float attention_scale(int layer) const {
    const float scale =
        c_.scale_attention != 0 ? 1.0F / std::sqrt(static_cast<float>(shape_.head_dim)) : 1.0F;
    return c_.scale_by_inverse_layer != 0 ? scale / static_cast<float>(layer + 1) : scale;
  }

  template <class Use>
  static void with_rows(int rows, const Use& use) {
    switch (rows) {
      case 1:
        return use(std::integral_constant<int, 1>{});
      case 2:
        return use(std::integral_constant<int, 2>{});
      case 4:
        return use(std::integral_constant<int, 4>{});
      default:
        return use(std::integral_constant<int, kFewRows>{});
    }
  }

  template <int kRows, class Input, class Output>
  void multiply(const T* weights, int in, int out, const Input& input, const Output& output,
                int shared_rows) const {
    const auto shared = static_cast<std::size_t>(shared_rows) * in * sizeof(T);
    launch_.run(launch_.overlap, few_rows_linear<kRows, T, Input, Output>,
                blocks_for(out, kLinearWarps * columns_of_warp(kRows)), kLinearThreads, shared, weights, in,
                out, input, output);
  }

  template <int kRows>
  void run_layer_of_few_rows(int layer) {
    const int width = c_.width;
    const NormalisedRows<T> before_attention{work_.x.data(),
                                             norm(INKFLEET_GPU_LN_1_WEIGHT, INKFLEET_GPU_LN_1_BIAS, layer)};
    multiply<kRows>(matrix(INKFLEET_GPU_ATTN_C_ATTN_WEIGHT, layer), width, 3 * width, before_attention,
                    PutKeysAndValues<T>{work_.qkv.data(), bias(INKFLEET_GPU_ATTN_C_ATTN_BIAS, layer),
                                        step_.slots, kv_layer(layer)},
                    kRows);
    attend(layer);
    multiply<kRows>(matrix(INKFLEET_GPU_ATTN_C_PROJ_WEIGHT, layer), width, width,
                    Rows<T>{work_.attended.data()},
                    AddToResidual{work_.x.data(), bias(INKFLEET_GPU_ATTN_C_PROJ_BIAS, layer)}, 0);
    const NormalisedRows<T> after_attention{work_.x.data(),
                                            norm(INKFLEET_GPU_LN_2_WEIGHT, INKFLEET_GPU_LN_2_BIAS, layer)};
    multiply<kRows>(matrix(INKFLEET_GPU_MLP_C_FC_WEIGHT, layer), width, shape_.inner, after_attention,
                    Activate<T>{work_.f.data(), bias(INKFLEET_GPU_MLP_C_FC_BIAS, layer), c_.activation},
                    kRows);
    multiply<kRows>(matrix(INKFLEET_GPU_MLP_C_PROJ_WEIGHT, layer), shape_.inner, width,
                    Rows<T>{work_.f.data()},
                    AddToResidual{work_.x.data(), bias(INKFLEET_GPU_MLP_C_PROJ_BIAS, layer)}, 0);
  }

  void run_layer(int layer) {
    const int width = c_.width;
    normalise_all(layer == 0 ? nullptr : bias(INKFLEET_GPU_MLP_C_PROJ_BIAS, layer - 1),
                  norm(INKFLEET_GPU_LN_1_WEIGHT, INKFLEET_GPU_LN_1_BIAS, layer));
    multiply(matrix(INKFLEET_GPU_ATTN_C_ATTN_WEIGHT, layer), work_.h.data(), width, 3 * width,
             work_.qkv.data());
    launch_(append_keys_and_values<T>, static_cast<unsigned>(rows_), kAppendThreads, work_.qkv.data(),
            bias(INKFLEET_GPU_ATTN_C_ATTN_BIAS, layer), step_.slots, kv_layer(layer));
    attend(layer);
    add_product(matrix(INKFLEET_GPU_ATTN_C_PROJ_WEIGHT, layer), work_.attended.data(), width);
    normalise_all(bias(INKFLEET_GPU_ATTN_C_PROJ_BIAS, layer),
                  norm(INKFLEET_GPU_LN_2_WEIGHT, INKFLEET_GPU_LN_2_BIAS, layer));
    multiply(matrix(INKFLEET_GPU_MLP_C_FC_WEIGHT, layer), work_.h.data(), width, shape_.inner,
             work_.f.data());
    const std::int64_t count = std::int64_t{rows_} * shape_.inner;
    launch_(add_bias_and_activate<T>, blocks_for(count, kActivationThreads * kVector), kActivationThreads,
            work_.f.data(), bias(INKFLEET_GPU_MLP_C_FC_BIAS, layer), shape_.inner, count, c_.activation);
    add_product(matrix(INKFLEET_GPU_MLP_C_PROJ_WEIGHT, layer), work_.f.data(), shape_.inner);
  }

  void normalise_all(const float* pending_bias, const LayerNorm& layer_norm) const {
    launch_(add_bias_and_normalise<T>, static_cast<unsigned>(rows_), kNormThreads, work_.x.data(),
            pending_bias, layer_norm, static_cast<const int*>(nullptr), c_.width, work_.h.data());
  }
  void multiply(const T* weights, const T* h, int in, int out, T* y) const {
    cublas_.multiply(weights, h, rows_, in, out, kType, y, kType, false);
  }
  void add_product(const T* weights, const T* h, int in) const {
    cublas_.multiply(weights, h, rows_, in, c_.width, kType, work_.x.data(), CUDA_R_32F, true);
  }

  void attend(int layer) const {
    const Attention<T> attention_of_layer{
        work_.qkv.data(), work_.attended.data(), kv_layer(layer),          attention_scale(layer),
        step_.items,      step_.item_count,      step_.positions,          step_.parts,
        step_.tables,     work_.part_out.data(), work_.part_maxima.data(), work_.complete.data()};
    const int lanes = shape_.head_dim / kVector;
    const auto kernel = lanes <= 8 ? attention<8, T> : lanes <= 16 ? attention<16, T> : attention<32, T>;
    launch_.chain(kernel, attention_blocks_, kAttentionThreads, attention_of_layer);
  }

  ModelShape shape_;
  const inkfleet_gpu_config& c_;
  const Weights& weights_;
  const Cublas& cublas_;
  T* cache_ = nullptr;
  int multiprocessors_;
  Launcher launch_;
  Workspace<T> work_;
  int few_rows_ = kFewRows;
  StepView step_{};
  int rows_ = 0;
  unsigned attention_blocks_ = 0;
};

}  // namespace

std::unique_ptr<Pass> make_pass(const ModelShape& shape, const Weights& weights, const Cublas& cublas,
                                const StepPlan& plan, int max_rows, const Device& device,
                                cudaStream_t stream) {
  const auto make = [&](auto zero) -> std::unique_ptr<Pass> {
    using T = decltype(zero);
    return std::make_unique<PassOf<T>>(shape, weights, cublas, plan, max_rows, device, stream);
  };
  if (shape.config.type == INKFLEET_GPU_FP16) return make(__half{});
  return make(__nv_bfloat16{});
}

}  // namespace inkfleet::gpu
