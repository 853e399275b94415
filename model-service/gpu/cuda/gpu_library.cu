// The library's door: what gpu_abi.h offers.

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>

#include "model-service/gpu/cuda/kernels/faults.cuh"
#include "model-service/gpu/cuda/runner.hpp"

namespace {

using namespace inkfleet::gpu;

constexpr std::uint64_t kNanosecondsOfMillisecond = 1'000'000;

/// Since Hopper a kernel may start while the one before it ends.
constexpr int kOverlaps = 9;

/// Of a step; beyond, what is counted from them no longer fits into an int.
constexpr int kMostRows = 1 << 16;

cudaDeviceProp properties_of(int device) {
  cudaDeviceProp properties{};
  check(cudaSetDevice(device));
  check(cudaGetDeviceProperties(&properties, device));
  return properties;
}

/// The device and the code must both be of an architecture that has programmatic dependent launch: what was
/// compiled for an older one runs on Hopper too, but does not wait (wait_for_previous() is nothing in it).
bool can_overlap(const cudaDeviceProp& properties) {
  cudaFuncAttributes attributes{};
  check(cudaFuncGetAttributes(&attributes, spin));
  const char* const wish = std::getenv("INKFLEET_GPU_OVERLAP");
  return properties.major >= kOverlaps && attributes.ptxVersion >= 10 * kOverlaps &&
         (wish == nullptr || std::strcmp(wish, "0") != 0);
}

/// What `work` throws, as a code; false is a caller's mistake.
template <class Work>
int code_of(const Work& work) {
  try {
    return work() ? cudaSuccess : cudaErrorInvalidValue;
  } catch (const Failure& failure) {
    return failure.code;
  } catch (const std::bad_alloc&) {
    return cudaErrorMemoryAllocation;
  } catch (const std::exception&) {
    return cudaErrorUnknown;
  }
}

template <class Element>
std::span<const Element> list(const Element* first, int count) {
  return {first, static_cast<std::size_t>(std::max(count, 0))};
}

}  // namespace

struct inkfleet_gpu {
  inkfleet_gpu(int device_number, const ModelShape& model_shape)
      : number(device_number), properties(properties_of(device_number)), shape(model_shape) {}

  int number;
  cudaDeviceProp properties;
  ModelShape shape;
  Stream stream;
  Cublas cublas{stream};
  Weights weights{shape, stream};
  std::unique_ptr<Runner> runner{};  ///< since plan()
};

int inkfleet_gpu_describe(int device, inkfleet_gpu_device* described) {
  return code_of([&] {
    const cudaDeviceProp properties = properties_of(device);
    std::size_t free = 0;
    std::size_t total = 0;
    check(cudaMemGetInfo(&free, &total));
    *described = {.name = {},
                  .major = properties.major,
                  .minor = properties.minor,
                  .multiprocessors = properties.multiProcessorCount,
                  .total_bytes = static_cast<std::int64_t>(total),
                  .free_bytes = static_cast<std::int64_t>(free)};
    std::copy(std::begin(properties.name), std::end(properties.name), described->name);
    return true;
  });
}

int inkfleet_gpu_open(int device, const inkfleet_gpu_config* config, inkfleet_gpu** gpu) {
  return code_of([&] {
    const ModelShape shape(*config);
    if (!shape.is_supported()) return false;
    *gpu = std::make_unique<inkfleet_gpu>(device, shape).release();
    return true;
  });
}

int inkfleet_gpu_upload(inkfleet_gpu* gpu, inkfleet_gpu_tensor tensor, int layer, const void* values,
                        inkfleet_gpu_type type, std::int64_t count) {
  return code_of([&] {
    check(cudaSetDevice(gpu->number));
    return gpu->weights.upload(tensor, layer, values, type, count);
  });
}

int inkfleet_gpu_plan(inkfleet_gpu* gpu, int max_rows, std::int64_t kv_bytes, int* kv_blocks) {
  return code_of([&] {
    if (max_rows < 1 || max_rows > kMostRows || kv_bytes < 0) return false;
    check(cudaSetDevice(gpu->number));
    gpu->weights.finish();
    gpu->runner.reset();
    const Device device{gpu->properties.multiProcessorCount, can_overlap(gpu->properties)};
    gpu->runner = std::make_unique<Runner>(gpu->shape, gpu->weights, gpu->cublas, device, max_rows, kv_bytes,
                                           gpu->stream);
    *kv_blocks = gpu->runner->kv_blocks();
    return true;
  });
}

int inkfleet_gpu_step(inkfleet_gpu* gpu, const inkfleet_gpu_slice* slices, int slice_count,
                      const inkfleet_gpu_draw* draws, int draw_count, std::int32_t* drawn,
                      const int* logit_slices, int logit_count, float* logits) {
  return code_of([&] {
    check(cudaSetDevice(gpu->number));
    return gpu->runner != nullptr && gpu->runner->step(list(slices, slice_count), list(draws, draw_count),
                                                       drawn, list(logit_slices, logit_count), logits);
  });
}

int inkfleet_gpu_copy_block(inkfleet_gpu* gpu, int from, int to) {
  return code_of([&] {
    check(cudaSetDevice(gpu->number));
    return gpu->runner != nullptr && gpu->runner->copy_block(from, to);
  });
}

int inkfleet_gpu_break(inkfleet_gpu* gpu) {
  return code_of([&] {
    check(cudaSetDevice(gpu->number));
    DeviceArray<int> sink(1);
    constexpr std::uintptr_t kNowhere = 64;
    Launcher{gpu->stream}(read_illegal_address, 1, 1, reinterpret_cast<const int*>(kNowhere), sink.data());
    gpu->stream.wait();
    return true;
  });
}

int inkfleet_gpu_spin(inkfleet_gpu* gpu, unsigned milliseconds) {
  return code_of([&] {
    check(cudaSetDevice(gpu->number));
    Launcher{gpu->stream}(spin, 1, 1, milliseconds * kNanosecondsOfMillisecond);
    return true;
  });
}

void inkfleet_gpu_close(inkfleet_gpu* gpu) {
  delete gpu;
}
