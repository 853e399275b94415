#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "model-service/gpu/gpu_abi.h"

namespace inkfleet::gpu {

/// The functions of libinkfleet_gpu.so, for as long as it is loaded.
class GpuLibrary {
 public:
  /// Throws std::runtime_error with one clear line when it cannot be loaded.
  explicit GpuLibrary(const std::filesystem::path& path);

  decltype(&inkfleet_gpu_describe) describe;
  decltype(&inkfleet_gpu_open) open;
  decltype(&inkfleet_gpu_upload) upload;
  decltype(&inkfleet_gpu_plan) plan;
  decltype(&inkfleet_gpu_step) step;
  decltype(&inkfleet_gpu_copy_block) copy_block;
  decltype(&inkfleet_gpu_break) break_device;
  decltype(&inkfleet_gpu_spin) spin;
  decltype(&inkfleet_gpu_close) close;

 private:
  template <typename Function>
  void find(Function& function, const char* name);

  std::shared_ptr<void> handle_;
};

/// What a look for a GPU found.
struct FoundGpu {
  std::optional<inkfleet_gpu_device> device;
  std::string reason;  ///< why there is none, for a person
};

/// Loads the library and asks it for its first device. Never throws: a machine without one is no error.
FoundGpu find_gpu(const std::filesystem::path& library);

}  // namespace inkfleet::gpu
