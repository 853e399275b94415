// Faults on purpose, for tests of health.
#pragma once

#include "model-service/gpu/cuda/device.cuh"

#ifndef __CUDA_ARCH__
#include <chrono>
#endif

namespace inkfleet::gpu {

__global__ void read_illegal_address(const int* nowhere, int* sink) {
  *sink = *nowhere;
}

__device__ inline std::uint64_t nanoseconds() {
#ifdef __CUDA_ARCH__
  std::uint64_t now;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
  return now;
#else
  return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

__global__ void spin(std::uint64_t duration) {
  const std::uint64_t end = nanoseconds() + duration;
  while (nanoseconds() < end) {
  }
}

}  // namespace inkfleet::gpu
