#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

#include "model-service/health/prober.hpp"

namespace inkfleet::health {

/// The functions of libinkfleet_cuda_probe.so, for as long as it is loaded.
class CudaProbeLibrary {
 public:
  /// Throws std::runtime_error with one clear line when it cannot be loaded.
  explicit CudaProbeLibrary(const std::filesystem::path& path);

  int (*open)(int device, struct inkfleet_cuda_probe** probe);
  int (*ask)(struct inkfleet_cuda_probe* probe, unsigned deadline_ms, int* right);
  void (*close)(struct inkfleet_cuda_probe* probe);
  const char* (*error_name)(int code);
  const char* (*error_string)(int code);

 private:
  void* symbol(const char* name) const;

  std::shared_ptr<void> handle_;
};

/// A probe of the first CUDA device. What it needs there it takes when it is first called, on the caller's
/// thread, and keeps trying while it cannot have it. Throws as CudaProbeLibrary does.
Probe load_cuda_probe(const std::filesystem::path& library, std::chrono::milliseconds deadline);

}  // namespace inkfleet::health
