#include "model-service/gpt2/cpu_probe.hpp"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/dot.h>

namespace inkfleet::gpt2 {

bool probe_cpu() {
  at::set_num_threads(1);  // of this thread
  const auto numbers = at::arange(1, 65, at::TensorOptions(at::kFloat));
  constexpr float kSumOfSquares = 64.F * 65.F * 129.F / 6.F;
  return at::dot(numbers, numbers).item<float>() == kSumOfSquares;
}

}  // namespace inkfleet::gpt2
