#include "model-service/gpt2/kernels/kernels.hpp"

namespace inkfleet::gpt2 {

extern const Kernels kBaselineKernels;
#ifdef __x86_64__
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
#endif

std::size_t attention_scratch(int context, int head_dim) {
  const int padded_context = (context + kBlockTokens - 1) / kBlockTokens * kBlockTokens;
  return query_scratch(head_dim) +
         static_cast<std::size_t>(kRowGroup) * (padded_context + padded_head_dim(head_dim));
}

std::vector<const Kernels*> runnable_kernels() {
  std::vector<const Kernels*> found;
#ifdef __x86_64__
  __builtin_cpu_init();
  const bool avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  if (avx2 && __builtin_cpu_supports("avx512f")) found.push_back(&kAvx512Kernels);
  if (avx2) found.push_back(&kAvx2Kernels);
#endif
  found.push_back(&kBaselineKernels);
  return found;
}

const Kernels& kernels() {
  static const Kernels& best = *runnable_kernels().front();
  return best;
}

}  // namespace inkfleet::gpt2
