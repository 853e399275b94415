// What all kernels share: numbers of 16 bits, 16 bytes at a time, sums over a warp and a block, launches. All
// of the kernels keep to a subset of CUDA C++ that tests/unit/gpu/emulator runs on a CPU.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <utility>

#include "model-service/gpu/cuda/errors.hpp"

namespace inkfleet::gpu {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffU;

/// Numbers of 16 bits in 16 bytes, the most that one load brings.
constexpr int kVector = 8;

template <class T>
union Vector {
  uint4 packed;
  T numbers[kVector];
};

__host__ __device__ inline float to_float(float x) {
  return x;
}
__host__ __device__ inline float to_float(__half x) {
  return __half2float(x);
}
__host__ __device__ inline float to_float(__nv_bfloat16 x) {
  return __bfloat162float(x);
}

template <class T>
__host__ __device__ T from_float(float x);
template <>
__host__ __device__ inline float from_float<float>(float x) {
  return x;
}
template <>
__host__ __device__ inline __half from_float<__half>(float x) {
  return __float2half_rn(x);
}
template <>
__host__ __device__ inline __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}

template <class T>
__device__ uint4 load_vector(const T* from) {
  return *reinterpret_cast<const uint4*>(from);
}

/// The same for what is read once a step: it need not stay in the multiprocessor's own cache.
template <class T>
__device__ uint4 stream_vector(const T* from) {
#ifdef __CUDA_ARCH__
  uint4 loaded;
  // volatile: it must not be put off until after wait_for_previous().
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(loaded.x), "=r"(loaded.y), "=r"(loaded.z), "=r"(loaded.w)
               : "l"(from));
  return loaded;
#else
  return load_vector(from);
#endif
}

/// Asks for what lies there to be brought near.
__device__ inline void prefetch([[maybe_unused]] const void* from) {
#ifdef __CUDA_ARCH__
  asm volatile("prefetch.global.L2 [%0];" ::"l"(from));
#endif
}

template <class T>
__device__ T warp_sum(T value) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) value += __shfl_xor_sync(kAllLanes, value, lanes);
  return value;
}

__device__ inline float warp_max(float value) {
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) {
    value = fmaxf(value, __shfl_xor_sync(kAllLanes, value, lanes));
  }
  return value;
}

/// The sums over all threads of a block of kThreads, for each of them. Every thread of the block calls it.
template <int kThreads, int kCount>
__device__ void block_sum(float (&values)[kCount]) {
  __shared__ float of_warps[kThreads / kWarp][kCount];
  for (float& value : values) value = warp_sum(value);
  __syncthreads();  // who still reads the last call's
  if (threadIdx.x % kWarp == 0) {
    for (int i = 0; i < kCount; ++i) of_warps[threadIdx.x / kWarp][i] = values[i];
  }
  __syncthreads();
  for (int i = 0; i < kCount; ++i) {
    values[i] = 0.0F;
    for (int warp = 0; warp < kThreads / kWarp; ++warp) values[i] += of_warps[warp][i];
  }
}

/// What a launch gives each block beside its own __shared__ variables.
__device__ inline void* dynamic_shared() {
#ifdef INKFLEET_EMULATED_CUDA
  return emulator::dynamic_shared();
#else
  extern __shared__ uint4 memory[];
  return memory;
#endif
}

/// Programmatic dependent launch: a kernel may start while the one before it ends, read what no kernel of the
/// step writes (weights, the step's description), and must call this before it touches anything else. Every
/// kernel does, and so whatever was launched before the one before is complete too.
__device__ inline void wait_for_previous() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// Lets the kernel after this one start as soon as all blocks of this one have.
__device__ inline void let_next_start() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

#if defined(__CUDACC__) || defined(INKFLEET_EMULATED_CUDA)
/// A stream to launch on. `overlap`: with programmatic dependent launch, which takes compute capability 9.
struct Launcher {
  cudaStream_t stream = nullptr;
  bool overlap = false;

  /// For a kernel that follows one of ours; after anything else it begins when that has ended, as ever.
  template <class... Parameters, class... Arguments>
  void chain(void (*kernel)(Parameters...), dim3 grid, int threads, Arguments&&... arguments) const {
    run(overlap, kernel, grid, threads, 0, std::forward<Arguments>(arguments)...);
  }
  template <class... Parameters, class... Arguments>
  void operator()(void (*kernel)(Parameters...), dim3 grid, int threads, Arguments&&... arguments) const {
    run(false, kernel, grid, threads, 0, std::forward<Arguments>(arguments)...);
  }

  template <class... Parameters, class... Arguments>
  void run(bool early, void (*kernel)(Parameters...), dim3 grid, int threads, std::size_t shared_bytes,
           Arguments&&... arguments) const {
    cudaLaunchAttribute attribute{};
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
    cudaLaunchConfig_t config{};
    config.gridDim = grid;
    config.blockDim = dim3(static_cast<unsigned>(threads));
    config.dynamicSmemBytes = shared_bytes;
    config.stream = stream;
    config.attrs = &attribute;
    config.numAttrs = early ? 1 : 0;
    check(cudaLaunchKernelEx(&config, kernel, std::forward<Arguments>(arguments)...));
  }
};
#endif

}  // namespace inkfleet::gpu
