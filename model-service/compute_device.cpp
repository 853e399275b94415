#include "model-service/compute_device.hpp"

#include <spdlog/spdlog.h>

#include <stdexcept>

#include "model-service/gpu/gpu_model.hpp"

namespace inkfleet::service {
namespace {

bool is_for_gpus(const std::string& dtype) {
  return dtype == "auto" || gpu::gpu_type(dtype);
}

/// fp16 is for GPUs alone.
bool is_for_cpus(const std::string& dtype) {
  return dtype != "fp16";
}

[[noreturn]] void fail(const ModelFlags& flags, const std::string& expected) {
  throw std::runtime_error("--dtype: expected " + expected + ", found " + flags.dtype);
}

}  // namespace

std::filesystem::path beside_program(const char* library) {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / library;
}

std::string choose_device(const ModelFlags& flags) {
  if (flags.device == "cpu") {
    if (!is_for_cpus(flags.dtype)) fail(flags, "fp32, bf16, int8 or auto with --device cpu");
    return "cpu";
  }
  if (flags.device == "cuda") {
    if (!is_for_gpus(flags.dtype)) fail(flags, "fp16, bf16 or auto with --device cuda");
    return "cuda";
  }
  if (!is_for_gpus(flags.dtype)) return "cpu";
  const auto library = beside_program(kGpuLibrary);
  const auto found =
      std::filesystem::exists(library) ? gpu::find_gpu(library) : gpu::FoundGpu{{}, "no library for one"};
  if (found.device) return "cuda";
  if (!is_for_cpus(flags.dtype)) fail(flags, "fp32, bf16, int8 or auto without a GPU (" + found.reason + ")");
  spdlog::debug("no GPU: {}", found.reason);
  return "cpu";
}

}  // namespace inkfleet::service
