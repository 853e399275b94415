#include "model-service/health/prober.hpp"

#include <utility>

namespace inkfleet::health {

Prober::Prober(std::function<bool()> probe, std::chrono::milliseconds interval)
    : probe_(std::move(probe)),
      interval_(interval),
      last_answer_(std::chrono::steady_clock::now()),
      thread_([this] { run(); }) {}

Prober::~Prober() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Prober::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    if (probe_()) last_answer_.store(std::chrono::steady_clock::now(), std::memory_order_relaxed);
    lock.lock();
    wake_.wait_for(lock, interval_, [this] { return stopping_; });
  }
}

}  // namespace inkfleet::health
