// As much of CUDA as model-service/gpu needs, on a CPU: for tests of kernels on machines without a GPU. A
// grid's blocks run one after another, a block's threads as fibers that change at __syncthreads() and at what
// a warp does together. Blocks take turns at four orders: threads from the first to the last or back, all of
// them to the next such place or each warp as far as it gets alone: who relies on an order is found out.
// Memory of the device is memory of the host, filled with NaNs, with an end that AddressSanitizer, or a guard
// looked at when it is freed, watches.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <utility>

#include "cuda_runtime_api.h"
#include "fibers.hpp"

#define __global__
#define __device__
#define __host__
#define __shared__ static __attribute__((section("inkfleet_shared")))
#define __launch_bounds__(...)

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};

inline void __syncthreads() {
  emulator::wait_for_block();
}
inline void __threadfence() {}

template <class T>
T __shfl_sync(unsigned mask, T value, int lane) {
  return emulator::exchange(mask, value, [lane](int) { return lane; });
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes) {
  return emulator::exchange(mask, value, [lanes](int own) { return own ^ lanes; });
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, int lanes) {
  return emulator::exchange(mask, value, [lanes](int own) { return own < lanes ? own : own - lanes; });
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, int lanes) {
  return emulator::exchange(mask, value, [lanes](int own) { return own + lanes > 31 ? own : own + lanes; });
}
inline unsigned __ballot_sync(unsigned mask, bool predicate) {
  unsigned lanes = 0;
  emulator::exchange_all(mask, predicate, [&lanes](int lane, bool set) { lanes |= unsigned{set} << lane; });
  return lanes;
}

template <class T, class U>
T atomicAdd(T* to, U value) {
  const T old = *to;
  *to = static_cast<T>(old + value);
  return old;
}
template <class T>
T atomicMax(T* to, T value) {
  const T old = *to;
  *to = std::max(old, value);
  return old;
}
template <class T>
T atomicMin(T* to, T value) {
  const T old = *to;
  *to = std::min(old, value);
  return old;
}

template <class T>
T __ldcg(const T* from) {
  return *from;
}
inline unsigned __float_as_uint(float x) {
  unsigned bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
inline float __uint_as_float(unsigned bits) {
  float x = 0;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
inline int __clz(int x) {
  return x == 0 ? 32 : __builtin_clz(static_cast<unsigned>(x));
}
inline int __ffs(int x) {
  return __builtin_ffs(x);
}
inline int __popc(unsigned x) {
  return __builtin_popcount(x);
}
inline float rsqrtf(float x) {
  return 1.0F / std::sqrt(x);
}

template <class Kernel>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, Kernel* /*kernel*/) {
  attributes->ptxVersion = 90;
  return cudaSuccess;
}

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  std::tuple<Parameters...> values(std::forward<Arguments>(arguments)...);
  return emulator::launch(*config, [kernel, values] { std::apply(kernel, values); });
}
