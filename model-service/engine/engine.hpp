#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <variant>
#include <vector>

#include "model-service/engine/scheduler.hpp"

namespace inkfleet::engine {

/// Sign of life of the engine thread, read by the health check.
struct Heartbeat {
  bool busy = false;    ///< work is pending
  TimePoint last_beat;  ///< when a step last began or ended, or work last arrived at an idle engine
};

/// What a step failed of, as far as the engine acts on it.
enum class StepFailure {
  kInternal,     ///< the requests in it end with `internal`
  kOutOfMemory,  ///< those that asked for memory end with `overloaded`, the cache gives up what it can
};

/// Runs a scheduler on a model: takes orders from any thread through a mailbox, and steps on the one thread
/// that calls run(), which alone touches the model.
class Engine {
 public:
  /// Receives the frames of one round, on the engine thread; must not block.
  using Deliver = std::function<void(Events)>;
  /// Hears why a step failed, on the engine thread, and says what that means; clients hear only that it did.
  using OnFailure = std::function<StepFailure(const std::exception&)>;

  Engine(const ModelShape& shape, const tokenizer::Tokenizer& tokenizer, SchedulerOptions options,
         Observer& observer, Deliver deliver, OnFailure on_failure);

  // Orders, from any thread. They take effect before the next step.
  void submit(Request request);
  void submit(Warmup warmup);
  void cancel(RequestKey key, std::optional<int> index);
  void accept(RequestKey key, int index, int tokens);
  void abandon(RequestKey key);
  /// Makes run() return after the step under way; what is still live gets no more frames.
  void stop();

  /// Steps until stop(). A step that throws ends requests in it; the loop goes on.
  void run(StepModel& model);

  // Read from any thread.
  [[nodiscard]] Load load() const;
  [[nodiscard]] Heartbeat heartbeat() const;

 private:
  struct CancelOrder {
    RequestKey key;
    std::optional<int> index;
    StepNumber received;
  };
  struct AcceptOrder {
    RequestKey key;
    int index;
    int tokens;
  };
  struct AbandonOrder {
    RequestKey key;
    StepNumber received;
  };
  using Order = std::variant<Request, Warmup, CancelOrder, AcceptOrder, AbandonOrder>;

  void post(Order order);
  bool wait_for_orders(StepModel& model);
  int blocks_to_prepare(const ModelShape& shape);
  void take(Order& order, Events& events);
  void step(StepModel& model, Events& events);
  void beat();
  void publish_load();
  void count(const Request& request);

  Scheduler scheduler_;
  Deliver deliver_;
  OnFailure on_failure_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::vector<Order> mailbox_;
  bool stopping_ = false;
  Load load_;  // the scheduler's and the mailbox's
  Heartbeat heartbeat_;

  std::atomic<StepNumber> steps_{0};  // of the scheduler, for who gives an order
  std::vector<Order> taken_;          // engine thread: the mailbox's other buffer
  int prepared_blocks_ = 0;           // engine thread: those below have been used or prepared
};

}  // namespace inkfleet::engine
