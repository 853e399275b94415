#include "bench/gpu/service.hpp"

#include <utility>

#include "model-service/health/device_error.hpp"

namespace inkfleet::figures {
namespace {

/// Longer than any hang that health must see, and short enough to wait for its end.
constexpr unsigned kSpinMilliseconds = 6'000;

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

engine::StepResult FaultyGpu::step(std::span<const engine::StepSlice> slices) {
  const auto fault = ordered_.exchange(Fault::kNone);
  if (fault == Fault::kBreak) model_.break_device();
  if (fault == Fault::kSpin) model_.spin(kSpinMilliseconds);
  return model_.step(slices);
}

/// On the engine thread, like take_events.
class Service::Ears : public engine::Observer {
 public:
  explicit Ears(Service& service) : service_(service) {}

  void on_first_token(std::chrono::nanoseconds since) override {
    const std::lock_guard lock(service_.mutex_);
    service_.outcome_.first_token.push_back(seconds(since));
  }
  void on_next_token(std::chrono::nanoseconds since) override {
    const std::lock_guard lock(service_.mutex_);
    service_.outcome_.gap.push_back(seconds(since));
  }
  void on_step(int, int) override {}
  void on_cancelled(int) override {}
  void on_completed(const proto::Usage&) override {}
  void on_failed(proto::ErrorCode) override {}

 private:
  Service& service_;
};

Service::Service(const Options& options)
    : tokenizer_(tokenizer::load_tokenizer(options.model)),
      ears_(std::make_unique<Ears>(*this)),
      thread_([this, options] { run(options); }) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ready_ || failure_; });
  if (!failure_) return;
  lock.unlock();
  thread_.join();
  std::rethrow_exception(failure_);
}

Service::~Service() {
  engine_->stop();
  thread_.join();
}

void Service::run(const Options& options) {
  try {
    const auto loaded = load(options);
    auto shape = loaded.model->shape();
    shape.end_of_text = -1;
    const auto on_failure = [this](const std::exception& failure) {
      if (const auto* error = health::classify(failure)) errors_.see(*error);
      return engine::StepFailure::kInternal;
    };
    device_ = loaded.device.name;
    faulty_ = std::make_unique<FaultyGpu>(*loaded.model);
    engine_ = std::make_unique<engine::Engine>(
        shape, *tokenizer_, scheduler_options(), *ears_,
        [this](const engine::Events& events) { take_events(events); }, on_failure);
    {
      const std::lock_guard lock(mutex_);
      ready_ = true;
      changed_.notify_all();
    }
    engine_->run(*faulty_);
  } catch (...) {  // rethrown by the constructor
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    changed_.notify_all();
  }
}

void Service::take_events(const engine::Events& events) {
  const auto now = Clock::now();
  const std::lock_guard lock(mutex_);
  for (const auto& [key, frame] : events) {
    const bool completed = std::holds_alternative<proto::Completed>(frame);
    if (!completed && !std::holds_alternative<proto::Error>(frame)) continue;
    const auto request = open_.extract(key);
    if (request.empty()) continue;
    if (completed) {
      outcome_.request.push_back(seconds(now - request.mapped()));
    } else {
      ++outcome_.failed;
    }
  }
  if (open_.empty()) changed_.notify_all();
}

void Service::submit(int prompt_tokens, int n, int max_tokens, Clock::time_point arrival) {
  const auto key = ++last_key_;
  engine::Request request{
      .key = key,
      .suggest = {.id = "r", .n = n, .max_tokens = max_tokens, .temperature = 0.7, .top_k = 10, .seed = key},
      .prompt = random_prompt(key, prompt_tokens, tokenizer_->vocab_size()),
      .submitted = arrival};
  {
    const std::lock_guard lock(mutex_);
    open_.emplace(key, arrival);
  }
  engine_->submit(std::move(request));
}

bool Service::wait(Clock::time_point limit) {
  std::unique_lock lock(mutex_);
  if (changed_.wait_until(lock, limit, [this] { return open_.empty(); })) return true;
  const auto left = std::exchange(open_, {});
  lock.unlock();
  for (const auto& [key, arrival] : left) engine_->abandon(key);
  return false;
}

Outcome Service::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(outcome_, {});
}

}  // namespace inkfleet::figures
