// The device's sign of life: a tiny kernel on a stream of its own, its result read back and compared.

#include <cuda_runtime.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>

#include "model-service/health/cuda_probe_abi.h"

namespace {

constexpr int kThreads = 64;
constexpr auto kLook = std::chrono::milliseconds(1);

// One of Knuth's linear congruential generators, a few rounds: work whose result nobody guesses.
__host__ __device__ std::uint32_t scramble(std::uint32_t seed, std::uint32_t lane) {
  std::uint32_t value = seed + lane;
  for (int i = 0; i < 16; ++i) value = value * 1664525U + 1013904223U;
  return value;
}

// result: [kThreads]
__global__ void answer(std::uint32_t seed, std::uint32_t* result) {
  result[threadIdx.x] = scramble(seed, threadIdx.x);
}

bool is_right(std::uint32_t seed, const std::uint32_t* result) {
  for (std::uint32_t lane = 0; lane < kThreads; ++lane) {
    if (result[lane] != scramble(seed, lane)) return false;
  }
  return true;
}

// While another thread captures a graph, calls of this one would spoil the capture: it is told not to mind.
class BesideCaptures {
 public:
  BesideCaptures() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  ~BesideCaptures() { cudaThreadExchangeStreamCaptureMode(&mode_); }

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

}  // namespace

struct inkfleet_cuda_probe {
  int device = 0;
  cudaStream_t stream = nullptr;
  cudaEvent_t done = nullptr;
  std::uint32_t* on_device = nullptr;
  std::uint32_t* on_host = nullptr;  // pinned: a copy into other memory would block
  std::uint32_t seed = 0;
  bool waiting = false;

  ~inkfleet_cuda_probe() {
    cudaFreeHost(on_host);
    cudaFree(on_device);
    if (done != nullptr) cudaEventDestroy(done);
    if (stream != nullptr) cudaStreamDestroy(stream);
  }

  cudaError_t take() {
    constexpr auto kBytes = kThreads * sizeof(std::uint32_t);
    int least = 0, greatest = 0;
    if (const auto e = cudaSetDevice(device)) return e;
    if (const auto e = cudaDeviceGetStreamPriorityRange(&least, &greatest)) return e;
    if (const auto e = cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, greatest)) return e;
    if (const auto e = cudaEventCreateWithFlags(&done, cudaEventDisableTiming)) return e;
    if (const auto e = cudaMalloc(&on_device, kBytes)) return e;
    return cudaMallocHost(&on_host, kBytes);
  }

  cudaError_t launch() {
    ++seed;
    answer<<<1, kThreads, 0, stream>>>(seed, on_device);
    if (const auto e = cudaGetLastError()) return e;
    if (const auto e = cudaMemcpyAsync(on_host, on_device, kThreads * sizeof(std::uint32_t),
                                       cudaMemcpyDeviceToHost, stream)) {
      return e;
    }
    const auto recorded = cudaEventRecord(done, stream);
    waiting = recorded == cudaSuccess;
    return recorded;
  }

  cudaError_t wait(std::chrono::milliseconds limit) const {
    const auto end = std::chrono::steady_clock::now() + limit;
    for (;;) {
      const auto state = cudaEventQuery(done);
      if (state != cudaErrorNotReady || std::chrono::steady_clock::now() >= end) return state;
      std::this_thread::sleep_for(kLook);
    }
  }
};

int inkfleet_cuda_probe_open(int device, inkfleet_cuda_probe** probe) {
  const BesideCaptures beside;
  auto made = std::make_unique<inkfleet_cuda_probe>();
  made->device = device;
  const auto error = made->take();
  if (error == cudaSuccess) *probe = made.release();
  return error;
}

int inkfleet_cuda_probe_ask(inkfleet_cuda_probe* probe, unsigned deadline_ms, int* right) {
  const BesideCaptures beside;
  *right = 0;
  if (const auto e = cudaSetDevice(probe->device)) return e;
  if (!probe->waiting) {
    if (const auto e = probe->launch()) return e;
  }
  const auto state = probe->wait(std::chrono::milliseconds(deadline_ms));
  if (state == cudaErrorNotReady) return state;
  probe->waiting = false;
  if (state == cudaSuccess) *right = is_right(probe->seed, probe->on_host) ? 1 : 0;
  return state;
}

void inkfleet_cuda_probe_close(inkfleet_cuda_probe* probe) {
  delete probe;
}

const char* inkfleet_cuda_error_name(int code) {
  return cudaGetErrorName(static_cast<cudaError_t>(code));
}

const char* inkfleet_cuda_error_string(int code) {
  return cudaGetErrorString(static_cast<cudaError_t>(code));
}
