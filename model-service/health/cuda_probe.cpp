#include "model-service/health/cuda_probe.hpp"

#include <dlfcn.h>

#include <stdexcept>
#include <string>

#include "model-service/health/cuda_probe_abi.h"

namespace inkfleet::health {
namespace {

std::runtime_error not_loaded(const std::string& what) {
  return std::runtime_error("cannot load the CUDA probe: " + what + "; build it with make gpu");
}

// Never closed: giving back what a lost or hung device holds can block for good.
class CudaProbe {
 public:
  CudaProbe(const std::filesystem::path& path, std::chrono::milliseconds deadline)
      : library_(path), deadline_(deadline) {}

  ProbeAnswer operator()() {
    if (probe_ == nullptr) {
      if (const int code = library_.open(0, &probe_); code != 0) return failed(code);
    }
    int right = 0;
    const int code = library_.ask(probe_, static_cast<unsigned>(deadline_.count()), &right);
    return code == 0 ? ProbeAnswer{.right = right != 0} : failed(code);
  }

 private:
  static ProbeAnswer failed(int code) { return {.right = false, .error = &device_error(code)}; }

  CudaProbeLibrary library_;
  std::chrono::milliseconds deadline_;
  inkfleet_cuda_probe* probe_ = nullptr;
};

}  // namespace

CudaProbeLibrary::CudaProbeLibrary(const std::filesystem::path& path)
    : handle_(dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL), [](void*) {}) {  // stays loaded, as CUDA wants it
  if (!handle_) throw not_loaded(dlerror());
  open = reinterpret_cast<decltype(open)>(symbol("inkfleet_cuda_probe_open"));
  ask = reinterpret_cast<decltype(ask)>(symbol("inkfleet_cuda_probe_ask"));
  close = reinterpret_cast<decltype(close)>(symbol("inkfleet_cuda_probe_close"));
  error_name = reinterpret_cast<decltype(error_name)>(symbol("inkfleet_cuda_error_name"));
  error_string = reinterpret_cast<decltype(error_string)>(symbol("inkfleet_cuda_error_string"));
}

void* CudaProbeLibrary::symbol(const char* name) const {
  void* const found = dlsym(handle_.get(), name);
  if (found == nullptr) throw not_loaded(dlerror());
  return found;
}

Probe load_cuda_probe(const std::filesystem::path& library, std::chrono::milliseconds deadline) {
  return [probe = std::make_shared<CudaProbe>(library, deadline)] { return (*probe)(); };
}

}  // namespace inkfleet::health
