#pragma once

#include <cuda_runtime_api.h>

namespace inkfleet::gpu {

/// Thrown inside the library; at its door it becomes the returned code.
struct Failure {
  cudaError_t code;
};

inline void check(cudaError_t code) {
  if (code == cudaSuccess) return;
  static_cast<void>(
      cudaGetLastError());  // what is no fault of the device's must not be found by a later call
  throw Failure{code};
}

}  // namespace inkfleet::gpu
