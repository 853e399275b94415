#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "bench/gpu/figures.hpp"
#include "model-service/engine/engine.hpp"
#include "model-service/health/error_latch.hpp"

namespace inkfleet::figures {

/// The device of a service, on which a fault can be ordered from any thread.
class FaultyGpu : public engine::StepModel {
 public:
  enum class Fault { kNone, kBreak, kSpin };

  explicit FaultyGpu(gpu::GpuModel& model) : model_(model) {}

  [[nodiscard]] const engine::ModelShape& shape() const override { return model_.shape(); }
  engine::StepResult step(std::span<const engine::StepSlice> slices) override;
  void copy_block(engine::BlockId from, engine::BlockId to) override { model_.copy_block(from, to); }

  /// Before the next step.
  void order(Fault fault) { ordered_ = fault; }

 private:
  gpu::GpuModel& model_;
  std::atomic<Fault> ordered_ = Fault::kNone;
};

/// What became of the requests of one measurement, in seconds.
struct Outcome {
  std::vector<double> first_token;  ///< from arrival
  std::vector<double> gap;          ///< between tokens
  std::vector<double> request;      ///< from arrival to the end
  int failed = 0;
};

/// The engine on the model as a service runs them, on a thread of its own, without sockets. End-of-text is
/// like any other token, so that requests are as long as they ask.
class Service {
 public:
  explicit Service(const Options& options);
  ~Service();

  /// A request for `max_tokens` after a random prompt, as of `arrival`.
  void submit(int prompt_tokens, int n, int max_tokens, Clock::time_point arrival);

  /// Until all have ended; false when the limit came first, and then they are given up.
  bool wait(Clock::time_point limit);

  /// Since the last call.
  Outcome take();

  [[nodiscard]] const std::string& device() const { return device_; }
  [[nodiscard]] engine::Heartbeat heartbeat() const { return engine_->heartbeat(); }
  [[nodiscard]] const health::ErrorLatch& errors() const { return errors_; }
  void order(FaultyGpu::Fault fault) { faulty_->order(fault); }

 private:
  class Ears;

  void run(const Options& options);
  void take_events(const engine::Events& events);

  std::shared_ptr<const tokenizer::Tokenizer> tokenizer_;
  std::unique_ptr<Ears> ears_;
  health::ErrorLatch errors_;
  std::string device_;
  std::unique_ptr<FaultyGpu> faulty_;
  std::unique_ptr<engine::Engine> engine_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool ready_ = false;
  std::exception_ptr failure_;
  std::map<engine::RequestKey, Clock::time_point> open_;  // when they came
  Outcome outcome_;

  engine::RequestKey last_key_ = 0;
  std::thread thread_;
};

}  // namespace inkfleet::figures
