#pragma once

#include <library_types.h>

#include <cstddef>

#include "model-service/gpu/cuda/memory.hpp"

namespace inkfleet::gpu {

/// What we call of cuBLAS 12 or 13, declared here: its headers come with 400 MB of libraries, and a machine
/// that computes has one of torch's or of its toolkit. Codes and constants are those of cublas_api.h.
struct CublasFunctions {
  using Handle = void*;

  int (*create)(Handle* handle);
  int (*destroy)(Handle handle);
  int (*set_stream)(Handle handle, cudaStream_t stream);
  int (*set_workspace)(Handle handle, void* workspace, std::size_t bytes);
  int (*set_math_mode)(Handle handle, int mode);
  int (*gemm_ex)(Handle handle, int transposed_a, int transposed_b, int m, int n, int k, const void* alpha,
                 const void* a, cudaDataType a_type, int lda, const void* b, cudaDataType b_type, int ldb,
                 const void* beta, void* c, cudaDataType c_type, int ldc, int compute_type, int algorithm);
};

/// From the file that INKFLEET_CUBLAS names, or where the dynamic linker looks. Throws Failure
/// (cudaErrorSharedObjectInitFailed) after a line on standard error that says what to do.
CublasFunctions load_cublas();

/// Products of rows with weights, sums in fp32.
class Cublas {
 public:
  explicit Cublas(cudaStream_t stream);
  ~Cublas();
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;

  /// y [rows, out] = (add ? y : 0) + h [rows, in] times weights [out, in].
  void multiply(const void* weights, const void* h, int rows, int in, int out, cudaDataType type, void* y,
                cudaDataType y_type, bool add) const;

 private:
  CublasFunctions functions_;
  CublasFunctions::Handle handle_ = nullptr;
  DeviceArray<std::byte> workspace_;  ///< of its own making it may not have while a graph is captured
};

}  // namespace inkfleet::gpu
