#include "model-service/device_probe.hpp"

#include "model-service/compute_device.hpp"
#include "model-service/gpt2/cpu_probe.hpp"
#include "model-service/health/cuda_probe.hpp"

namespace inkfleet::service {

health::Probe device_probe(const std::string& device, std::chrono::milliseconds deadline) {
  if (device != "cuda") return [] { return health::ProbeAnswer{.right = gpt2::probe_cpu()}; };
  return health::load_cuda_probe(beside_program("libinkfleet_cuda_probe.so"), deadline);
}

}  // namespace inkfleet::service
