#include "model-service/health/verdict.hpp"

#include <algorithm>

namespace inkfleet::health {
namespace {

std::string age(std::chrono::steady_clock::duration since) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(since).count()) + " ms";
}

std::string in_words(const DeviceError& error) {
  return std::string(error.name) + ": " + std::string(error.meaning);
}

std::string judge_errors(const DeviceError* fatal) {
  return fatal == nullptr ? "" : in_words(*fatal) + "; the process must be replaced";
}

std::string judge_device(const ProbeReport& probe, const Limits& limits, TimePoint now) {
  if (probe.waiting && now - probe.asked > limits.probe) {
    return "the device has not answered a probe for " + age(now - probe.asked);
  }
  if (probe.right) return "";
  return probe.error == nullptr ? "the device answered a probe wrongly" : in_words(*probe.error);
}

std::string judge_engine(const Observations& observations, const Limits& limits, TimePoint now) {
  const auto since_step = now - observations.last_step;
  if (!observations.engine_busy || since_step <= limits.step) return "";
  return "work is pending and no step has moved for " + age(since_step);
}

}  // namespace

Verdict judge(const Observations& observations, const Limits& limits, TimePoint now) {
  return {{{"error", judge_errors(observations.fatal)},
           {"device", judge_device(observations.probe, limits, now)},
           {"engine", judge_engine(observations, limits, now)}}};
}

const Check* failed_check(const Verdict& verdict) {
  const auto failed =
      std::find_if(verdict.begin(), verdict.end(), [](const Check& check) { return !check.failure.empty(); });
  return failed == verdict.end() ? nullptr : &*failed;
}

}  // namespace inkfleet::health
