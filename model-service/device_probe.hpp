#pragma once

#include <chrono>
#include <string>

#include "model-service/health/prober.hpp"

namespace inkfleet::service {

/// The probe of a device, "cpu" or "cuda". For `cuda` it is loaded from libinkfleet_cuda_probe.so beside
/// this program; throws std::runtime_error with one clear line when that is not there.
health::Probe device_probe(const std::string& device, std::chrono::milliseconds deadline);

}  // namespace inkfleet::service
