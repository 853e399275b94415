// Kernels on one row.

#include "model-service/gpt2/kernels/simd.inl"

/// The sum over i of f(x[i]), for a width of any number: whole vectors lane by lane, then the tail.
template <class Function>
static inline float sum_row(const float* x, int width, Function f) {
  Vec sums{};
  int i = 0;
  for (; i + kLanes <= width; i += kLanes) sums += f(load(x + i));
  float sum = sum_of_lanes(sums);
  for (; i < width; ++i) sum += f(broadcast(x[i]))[0];
  return sum;
}

static void layer_norm(const float* x, const float* weight, const float* bias, float epsilon, int width,
                       float* out) {
  const float mean = sum_row(x, width, [](Vec v) { return v; }) / static_cast<float>(width);
  const float variance =
      sum_row(x, width, [mean](Vec v) { return (v - mean) * (v - mean); }) / static_cast<float>(width);
  const float scale = 1.0F / __builtin_sqrtf(variance + epsilon);
  int i = 0;
  for (; i + kLanes <= width; i += kLanes) {
    store(out + i, (load(x + i) - mean) * scale * load(weight + i) + load(bias + i));
  }
  for (; i < width; ++i) out[i] = (x[i] - mean) * scale * weight[i] + bias[i];
}

static void add(float* x, const float* y, int width) {
  int i = 0;
  for (; i + kLanes <= width; i += kLanes) store(x + i, load(x + i) + load(y + i));
  for (; i < width; ++i) x[i] += y[i];
}

/// 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), by 0.5 (1 + tanh(u)) = 1 / (1 + e^(-2u)).
static void gelu_tanh(float* x, int width) {
  apply(x, width, [](Vec v) {
    const Vec u = (v * v * v * 0.044715F + v) * 0.7978845608F;
    return v / (exp(u * -2.0F) + 1.0F);
  });
}

/// 0.5 x (1 + erf(x / sqrt 2)); erf by Abramowitz and Stegun 7.1.26, off by at most 1.5e-7.
static void gelu_erf(float* x, int width) {
  apply(x, width, [](Vec v) {
    const Vec z = v * 0.70710678F;
    const Vec magnitude = z < 0.0F ? -z : z;
    const Vec t = 1.0F / (magnitude * 0.3275911F + 1.0F);
    Vec p = t * 1.061405429F - 1.453152027F;
    p = p * t + 1.421413741F;
    p = p * t - 0.284496736F;
    p = p * t + 0.254829592F;
    const Vec tail = p * t * exp(-z * z);  // 1 - erf(|z|)
    return v * 0.5F * (z < 0.0F ? tail : 2.0F - tail);
  });
}

static void relu(float* x, int width) {
  apply(x, width, [](Vec v) { return v > 0.0F ? v : Vec{}; });
}
