#include "model-service/faults/faults.hpp"

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <string>

namespace inkfleet::faults {
namespace {

[[noreturn]] void report(const health::DeviceError& error) {
  throw std::runtime_error("injected fault: " + std::string(error.name) + ": " + std::string(error.meaning));
}

constexpr int kMemoryAllocation = 2;

}  // namespace

std::vector<std::string_view> FaultPlan::active() const {
  std::vector<std::string_view> names;
  if (hang_engine) names.emplace_back("hang_engine");
  if (hang_device) names.emplace_back("hang_device");
  if (device_error != nullptr) names.emplace_back("fatal_device_error");
  if (out_of_memory > 0) names.emplace_back("out_of_memory");
  if (slow_steps.count() > 0) names.emplace_back("slow_steps");
  if (drop_connection_after > 0) names.emplace_back("drop_connection_after");
  if (exit_mid_step) names.emplace_back("exit_mid_step");
  if (exit_on_token != kNoToken) names.emplace_back("exit_on_token");
  return names;
}

FaultPlan Faults::plan() const {
  const std::lock_guard lock(mutex_);
  return plan_;
}

void Faults::set(FaultPlan plan) {
  const std::lock_guard lock(mutex_);
  if (plan.device_error == nullptr) plan.device_error = plan_.device_error;
  plan_ = plan;
  changed_.notify_all();
}

void Faults::meet_step() {
  std::unique_lock lock(mutex_);
  if (plan_.exit_mid_step) std::raise(SIGKILL);
  if (plan_.slow_steps.count() > 0) {
    changed_.wait_for(lock, plan_.slow_steps, [this] { return plan_.slow_steps.count() == 0; });
  }
  changed_.wait(lock, [this] { return !plan_.hang_engine && !plan_.hang_device; });
  if (plan_.device_error != nullptr) report(*plan_.device_error);
  if (plan_.out_of_memory > 0) {
    --plan_.out_of_memory;
    report(health::device_error(kMemoryAllocation));
  }
}

void Faults::meet_tokens(std::span<const proto::TokenId> tokens) const {
  const std::lock_guard lock(mutex_);
  if (plan_.exit_on_token == kNoToken) return;
  if (std::ranges::find(tokens, plan_.exit_on_token) != tokens.end()) std::raise(SIGKILL);
}

const health::DeviceError* Faults::meet_probe() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !plan_.hang_device; });
  return plan_.device_error;
}

bool Faults::breaks_connection(int tokens) {
  const std::lock_guard lock(mutex_);
  if (plan_.drop_connection_after == 0) return false;
  plan_.drop_connection_after =
      tokens >= plan_.drop_connection_after ? 0 : plan_.drop_connection_after - tokens;
  return plan_.drop_connection_after == 0;
}

}  // namespace inkfleet::faults
