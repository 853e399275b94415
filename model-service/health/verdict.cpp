#include "model-service/health/verdict.hpp"

namespace inkfleet::health {
namespace {

std::string age(std::chrono::steady_clock::duration since) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(since).count()) + " ms";
}

}  // namespace

Verdict judge(const Observations& observations, const Limits& limits, TimePoint now) {
  const auto since_probe = now - observations.last_probe;
  if (since_probe > limits.probe) {
    return {false, "device", "the device has not answered a probe for " + age(since_probe)};
  }
  const auto since_step = now - observations.last_step;
  if (observations.engine_busy && since_step > limits.step) {
    return {false, "engine", "work is pending and no step has moved for " + age(since_step)};
  }
  return {};
}

}  // namespace inkfleet::health
