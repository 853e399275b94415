#include "model-service/gpu/cuda/cublas.hpp"

namespace inkfleet::gpu {
namespace {

constexpr std::int64_t kWorkspaceBytes = std::int64_t{32} << 20;  // as NVIDIA advises for Hopper

constexpr int kNotTransposed = 0;
constexpr int kTransposed = 1;
constexpr int kComputeFp32 = 68;
constexpr int kDefaultAlgorithm = -1;
constexpr int kSumsNotIn16Bits = 16;
constexpr int kAllocationFailed = 3;

void check_status(int status) {
  if (status == 0) return;
  check(status == kAllocationFailed ? cudaErrorMemoryAllocation : cudaErrorUnknown);
}

}  // namespace

Cublas::Cublas(cudaStream_t stream) : functions_(load_cublas()), workspace_(kWorkspaceBytes) {
  check_status(functions_.create(&handle_));
  check_status(functions_.set_stream(handle_, stream));
  check_status(
      functions_.set_workspace(handle_, workspace_.data(), static_cast<std::size_t>(kWorkspaceBytes)));
  check_status(functions_.set_math_mode(handle_, kSumsNotIn16Bits));
}

Cublas::~Cublas() {
  if (handle_ != nullptr) functions_.destroy(handle_);
}

// cuBLAS thinks in columns: our row-major weights [out, in] are its matrix [in, out], taken transposed.
void Cublas::multiply(const void* weights, const void* h, int rows, int in, int out, cudaDataType type,
                      void* y, cudaDataType y_type, bool add) const {
  const float one = 1.0F;
  const float old = add ? 1.0F : 0.0F;
  check_status(functions_.gemm_ex(handle_, kTransposed, kNotTransposed, out, rows, in, &one, weights, type,
                                  in, h, type, in, &old, y, y_type, out, kComputeFp32, kDefaultAlgorithm));
}

}  // namespace inkfleet::gpu
