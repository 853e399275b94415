// What is called of cuBLAS, as plain loops.
#include "model-service/gpu/cuda/cublas.hpp"

#include <vector>

#include "model-service/gpu/cuda/device.cuh"

namespace inkfleet::gpu {
namespace {

std::vector<float> floats(const void* numbers, std::int64_t count, cudaDataType type) {
  std::vector<float> result(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < count; ++i) {
    result[static_cast<std::size_t>(i)] = type == CUDA_R_16F
                                              ? to_float(static_cast<const __half*>(numbers)[i])
                                              : to_float(static_cast<const __nv_bfloat16*>(numbers)[i]);
  }
  return result;
}

/// c [n, m] = beta * c + b [n, k] times a [m, k], all row-major: the one case that is used.
void multiply(int m, int n, int k, const void* a, const void* b, cudaDataType type, float beta, void* c,
              cudaDataType c_type) {
  const auto weights = floats(a, std::int64_t{m} * k, type);
  const auto rows = floats(b, std::int64_t{n} * k, type);
  for (int row = 0; row < n; ++row) {
    for (int column = 0; column < m; ++column) {
      float sum = 0.0F;
      const float* const h = &rows[static_cast<std::size_t>(row) * k];
      const float* const w = &weights[static_cast<std::size_t>(column) * k];
      for (int i = 0; i < k; ++i) sum += h[i] * w[i];
      const std::int64_t at = std::int64_t{row} * m + column;
      if (c_type == CUDA_R_32F) {
        float& to = static_cast<float*>(c)[at];
        to = beta == 0.0F ? sum : beta * to + sum;
      } else if (c_type == CUDA_R_16F) {
        static_cast<__half*>(c)[at] = from_float<__half>(sum);
      } else {
        static_cast<__nv_bfloat16*>(c)[at] = from_float<__nv_bfloat16>(sum);
      }
    }
  }
}

cudaStream_t stream_of_handle = nullptr;

int gemm(CublasFunctions::Handle /*handle*/, int transposed_a, int transposed_b, int m, int n, int k,
         const void* alpha, const void* a, cudaDataType a_type, int lda, const void* b, cudaDataType b_type,
         int ldb, const void* beta, void* c, cudaDataType c_type, int ldc, int compute_type,
         int /*algorithm*/) {
  constexpr int kNotSupported = 15;
  constexpr int kComputeFp32 = 68;
  const float old = *static_cast<const float*>(beta);
  if (transposed_a != 1 || transposed_b != 0 || *static_cast<const float*>(alpha) != 1.0F ||
      a_type != b_type || lda != k || ldb != k || ldc != m || compute_type != kComputeFp32 ||
      (old != 0.0F && c_type != CUDA_R_32F)) {
    return kNotSupported;
  }
  return emulator::enqueue(stream_of_handle, [=] { multiply(m, n, k, a, b, a_type, old, c, c_type); });
}

}  // namespace

CublasFunctions load_cublas() {
  return {.create =
              [](CublasFunctions::Handle* handle) {
                *handle = &stream_of_handle;
                return 0;
              },
          .destroy = [](CublasFunctions::Handle) { return 0; },
          .set_stream =
              [](CublasFunctions::Handle, cudaStream_t stream) {
                stream_of_handle = stream;
                return 0;
              },
          .set_workspace = [](CublasFunctions::Handle, void*, std::size_t) { return 0; },
          .set_math_mode = [](CublasFunctions::Handle, int) { return 0; },
          .gemm_ex = gemm};
}

}  // namespace inkfleet::gpu
