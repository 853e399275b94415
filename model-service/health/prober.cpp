#include "model-service/health/prober.hpp"

#include <utility>

namespace inkfleet::health {

Prober::Prober(Probe probe, std::chrono::milliseconds interval, OnError on_error)
    : probe_(std::move(probe)),
      interval_(interval),
      on_error_(std::move(on_error)),
      thread_([this] { run(); }) {}

Prober::~Prober() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

ProbeReport Prober::report() const {
  const std::lock_guard lock(mutex_);
  return report_;
}

void Prober::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    ask(lock);
    wake_.wait_for(lock, interval_, [this] { return stopping_; });
  }
}

void Prober::ask(std::unique_lock<std::mutex>& lock) {
  report_.waiting = true;
  report_.asked = std::chrono::steady_clock::now();
  lock.unlock();
  const auto answer = careful_answer();
  if (answer.error != nullptr) on_error_(*answer.error);
  lock.lock();
  report_ = {.waiting = false, .asked = report_.asked, .right = answer.right, .error = answer.error};
}

ProbeAnswer Prober::careful_answer() {
  try {
    return probe_();
  } catch (const std::exception& failure) {
    return {.right = false, .error = classify(failure)};
  }
}

}  // namespace inkfleet::health
