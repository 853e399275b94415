#include "model-service/gpt2/kernels/int8.hpp"

namespace inkfleet::gpt2 {

extern const Int8Kernels kPlainInt8Kernels;
#ifdef __x86_64__
extern const Int8Kernels kAvx2Int8Kernels;
extern const Int8Kernels kAvxVnniInt8Kernels;
extern const Int8Kernels kAvx512VnniInt8Kernels;
#endif

std::vector<const Int8Kernels*> runnable_int8_kernels() {
  std::vector<const Int8Kernels*> found;
#ifdef __x86_64__
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vnni"))
    found.push_back(&kAvx512VnniInt8Kernels);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("avxvnni"))
    found.push_back(&kAvxVnniInt8Kernels);
  if (__builtin_cpu_supports("avx2")) found.push_back(&kAvx2Int8Kernels);
#endif
  found.push_back(&kPlainInt8Kernels);
  return found;
}

const Int8Kernels& int8_kernels() {
  static const Int8Kernels& best = *runnable_int8_kernels().front();
  return best;
}

bool has_fast_int8() {
#ifdef __x86_64__
  return &int8_kernels() == &kAvx512VnniInt8Kernels || &int8_kernels() == &kAvxVnniInt8Kernels;
#else
  return false;
#endif
}

}  // namespace inkfleet::gpt2
