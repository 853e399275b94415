#include "model-service/gpu/gpu_library.hpp"

#include <dlfcn.h>

#include <stdexcept>

#include "model-service/health/device_error.hpp"

namespace inkfleet::gpu {
namespace {

std::runtime_error not_loaded(const std::string& what) {
  return std::runtime_error("cannot load the library of the GPU engine: " + what +
                            "; build it with make gpu, or take --device cpu");
}

}  // namespace

GpuLibrary::GpuLibrary(const std::filesystem::path& path)
    : handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL), [](void*) {}) {  // stays loaded, as CUDA wants it
  if (!handle_) throw not_loaded(dlerror());
  find(describe, "inkfleet_gpu_describe");
  find(open, "inkfleet_gpu_open");
  find(upload, "inkfleet_gpu_upload");
  find(plan, "inkfleet_gpu_plan");
  find(step, "inkfleet_gpu_step");
  find(copy_block, "inkfleet_gpu_copy_block");
  find(break_device, "inkfleet_gpu_break");
  find(spin, "inkfleet_gpu_spin");
  find(close, "inkfleet_gpu_close");
}

template <typename Function>
void GpuLibrary::find(Function& function, const char* name) {
  void* const found = dlsym(handle_.get(), name);
  if (found == nullptr) throw not_loaded(dlerror());
  function = reinterpret_cast<Function>(found);
}

FoundGpu find_gpu(const std::filesystem::path& library) {
  try {
    inkfleet_gpu_device device{};
    const int code = GpuLibrary(library).describe(0, &device);
    if (code == 0) return {.device = device, .reason = {}};
    const auto& error = health::device_error(code);
    return {.device = {}, .reason = std::string(error.name) + ", " + std::string(error.meaning)};
  } catch (const std::runtime_error& e) {
    return {.device = {}, .reason = e.what()};
  }
}

}  // namespace inkfleet::gpu
