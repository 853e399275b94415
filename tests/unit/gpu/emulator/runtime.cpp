#include <cstdint>
#include <cstdlib>
#include <map>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "cuda_runtime_api.h"
#include "fibers.hpp"

// A test may make the device smaller.
extern "C" std::size_t inkfleet_emulated_bytes;
std::size_t inkfleet_emulated_bytes = std::size_t{1} << 30;

namespace emulator {

struct Graph {
  std::vector<std::function<void()>> nodes;
};
struct Stream {
  Graph* capturing = nullptr;
};

namespace {

constexpr std::size_t kGuardBytes = 64;
constexpr unsigned char kGuard = 0xa5;
constexpr unsigned char kNan = 0xff;  // in each byte: a NaN of any format

struct Device {
  std::map<void*, std::size_t> memory;
  std::size_t taken = 0;
  cudaError_t lost = cudaSuccess;  ///< what every call answers from then on
  int captures = 0;                ///< streams that are captured
  bool spoiled = false;            ///< those captures
};

Device& device() {
  static auto* const kept = new Device;  // outlives whoever frees memory at the end
  return *kept;
}

cudaError_t state() {
  return device().lost;
}

/// For what no thread may call that captures a stream.
cudaError_t state_outside_captures() {
  if (device().captures == 0) return state();
  device().spoiled = true;
  return cudaErrorStreamCaptureUnsupported;
}

}  // namespace

cudaError_t enqueue(cudaStream_t stream, std::function<void()> work) {
  if (state() != cudaSuccess) return state();
  if (stream != nullptr && stream->capturing != nullptr) {
    stream->capturing->nodes.push_back(std::move(work));
  } else {
    work();
  }
  return cudaSuccess;
}

cudaError_t launch(const cudaLaunchConfig_t& config, std::function<void()> body) {
  return enqueue(config.stream, [grid = config.gridDim, block = config.blockDim,
                                 shared = config.dynamicSmemBytes, body = std::move(body)] {
    if (state() == cudaSuccess && !run_grid(grid, block, shared, body))
      device().lost = cudaErrorIllegalAddress;
  });
}

}  // namespace emulator

using emulator::device;
using emulator::enqueue;
using emulator::state;
using emulator::state_outside_captures;

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return state();
}

cudaError_t cudaSetDevice(int number) {
  return number == 0 ? state() : cudaErrorInvalidDevice;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int number) {
  if (number != 0) return cudaErrorInvalidDevice;
  *properties = {};
  std::string("emulated GPU").copy(properties->name, sizeof properties->name - 1);
  properties->major = 9;
  properties->multiProcessorCount = 2;
  properties->totalGlobalMem = inkfleet_emulated_bytes;
  return state();
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *total = inkfleet_emulated_bytes;
  *free = *total > device().taken ? *total - device().taken : 0;
  return state();
}

cudaError_t cudaGetLastError() {
  return state();
}

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  if (const auto error = state_outside_captures(); error != cudaSuccess) return error;
  if (device().taken + bytes > inkfleet_emulated_bytes) return cudaErrorMemoryAllocation;
#ifdef __SANITIZE_ADDRESS__
  const std::size_t guard = 0;
#else
  const std::size_t guard = emulator::kGuardBytes;
#endif
  if (posix_memalign(memory, 256, bytes + guard) != 0) return cudaErrorMemoryAllocation;
  std::memset(*memory, emulator::kNan, bytes);
  std::memset(static_cast<unsigned char*>(*memory) + bytes, emulator::kGuard, guard);
  device().memory[*memory] = bytes;
  device().taken += bytes;
  return cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
  if (memory == nullptr || device().captures > 0) return state_outside_captures();
  const auto found = device().memory.find(memory);
  if (found == device().memory.end()) std::abort();
#ifndef __SANITIZE_ADDRESS__
  const auto* guard = static_cast<unsigned char*>(memory) + found->second;
  for (std::size_t i = 0; i < emulator::kGuardBytes; ++i) {
    if (guard[i] != emulator::kGuard) std::abort();  // a kernel wrote beyond the end
  }
#endif
  device().taken -= found->second;
  device().memory.erase(found);
  std::free(memory);
  return state();
}

cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  if (const auto error = state_outside_captures(); error != cudaSuccess) return error;
  *memory = std::malloc(bytes);
  return *memory == nullptr ? cudaErrorMemoryAllocation : state();
}
cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return state();
}
cudaError_t cudaMemsetAsync(void* memory, int byte, std::size_t bytes, cudaStream_t stream) {
  return enqueue(stream, [=] { std::memset(memory, byte, bytes); });
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind /*kind*/,
                            cudaStream_t stream) {
  return enqueue(stream, [=] { std::memmove(to, from, bytes); });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned /*flags*/) {
  *stream = new emulator::Stream;
  return state();
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return state();
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return stream->capturing != nullptr ? state_outside_captures() : state();
}
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode /*mode*/) {
  stream->capturing = new emulator::Graph;
  ++device().captures;
  return state();
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  *graph = std::exchange(stream->capturing, nullptr);
  --device().captures;
  if (!std::exchange(device().spoiled, false)) return state();
  delete std::exchange(*graph, nullptr);
  return cudaErrorStreamCaptureInvalidated;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph,
                                 unsigned long long /*flags*/) {
  *executable = new emulator::Graph(*graph);
  return state();
}
cudaError_t cudaGraphUpload(cudaGraphExec_t /*graph*/, cudaStream_t /*stream*/) {
  return state();
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  return enqueue(stream, [graph] {
    for (const auto& node : graph->nodes) node();
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return state();
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete graph;
  return state();
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned /*flags*/) {
  *event = nullptr;
  return state();
}
cudaError_t cudaEventRecord(cudaEvent_t /*event*/, cudaStream_t /*stream*/) {
  return state();
}
cudaError_t cudaEventSynchronize(cudaEvent_t /*event*/) {
  return state_outside_captures();
}
cudaError_t cudaEventDestroy(cudaEvent_t /*event*/) {
  return state();
}
