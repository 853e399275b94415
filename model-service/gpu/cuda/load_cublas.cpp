#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

#include "model-service/gpu/cuda/cublas.hpp"

namespace inkfleet::gpu {
namespace {

void* open_library() {
  constexpr int kMode = RTLD_NOW | RTLD_LOCAL;
  if (const char* const file = std::getenv("INKFLEET_CUBLAS")) return dlopen(file, kMode);
  for (const char* const name : {"libcublas.so.13", "libcublas.so.12"}) {
    if (void* const library = dlopen(name, kMode)) return library;
  }
  return nullptr;
}

[[noreturn]] void not_loaded() {
  std::fprintf(stderr,
               "cannot load cuBLAS 12 or 13: %s; name its file in INKFLEET_CUBLAS or its folder in "
               "LD_LIBRARY_PATH\n",
               dlerror());
  throw Failure{cudaErrorSharedObjectInitFailed};
}

template <class Function>
void find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) not_loaded();
}

}  // namespace

CublasFunctions load_cublas() {
  void* const library = open_library();  // stays loaded, as CUDA wants it
  if (library == nullptr) not_loaded();
  CublasFunctions functions{};
  find(library, "cublasCreate_v2", functions.create);
  find(library, "cublasDestroy_v2", functions.destroy);
  find(library, "cublasSetStream_v2", functions.set_stream);
  find(library, "cublasSetWorkspace_v2", functions.set_workspace);
  find(library, "cublasSetMathMode", functions.set_math_mode);
  find(library, "cublasGemmEx", functions.gemm_ex);
  return functions;
}

}  // namespace inkfleet::gpu
