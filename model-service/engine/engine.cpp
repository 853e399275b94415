#include "model-service/engine/engine.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace inkfleet::engine {

Engine::Engine(const ModelShape& shape, const tokenizer::Tokenizer& tokenizer, SchedulerOptions options,
               Observer& observer, Deliver deliver, OnFailure on_failure)
    : scheduler_(shape, tokenizer, std::move(options), observer),
      deliver_(std::move(deliver)),
      on_failure_(std::move(on_failure)) {
  load_ = scheduler_.load();
}

void Engine::submit(Request request) {
  post(std::move(request));
}
void Engine::cancel(RequestKey key, std::optional<int> index) {
  post(CancelOrder{key, index, steps_});
}
void Engine::submit(Warmup warmup) {
  post(std::move(warmup));
}
void Engine::accept(RequestKey key, int index, int tokens) {
  post(AcceptOrder{key, index, tokens});
}
void Engine::abandon(RequestKey key) {
  post(AbandonOrder{key, steps_});
}

void Engine::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  wake_.notify_one();
}

void Engine::post(Order order) {
  const std::lock_guard lock(mutex_);
  if (const auto* request = std::get_if<Request>(&order)) count(*request);
  if (!heartbeat_.busy) heartbeat_ = {.busy = true, .last_beat = Clock::now()};
  mailbox_.push_back(std::move(order));
  wake_.notify_one();
}

void Engine::run(StepModel& model) {
  Events events;
  while (wait_for_orders(model)) {
    for (auto& order : taken_) take(order, events);
    taken_.clear();
    step(model, events);
    publish_load();
    if (!events.empty()) deliver_(std::exchange(events, {}));
  }
}

// False when it is time to stop.
bool Engine::wait_for_orders(StepModel& model) {
  const auto awaited = [this] { return stopping_ || !mailbox_.empty() || !scheduler_.idle(); };
  std::unique_lock lock(mutex_);
  while (!awaited()) {
    if (prepared_blocks_ == blocks_to_prepare(model.shape())) {
      wake_.wait(lock, awaited);
      break;
    }
    lock.unlock();
    model.prepare_block(prepared_blocks_++);
    lock.lock();
  }
  std::swap(mailbox_, taken_);
  return !stopping_;
}

// Memory for another text of full length, beyond what was ever used.
int Engine::blocks_to_prepare(const ModelShape& shape) {
  const int used = scheduler_.first_unused_block();
  prepared_blocks_ = std::max(prepared_blocks_, used);
  return std::max(prepared_blocks_,
                  std::min(used + shape.context_length / shape.block_tokens, shape.kv_blocks));
}

void Engine::take(Order& order, Events& events) {
  const auto now = Clock::now();
  if (auto* request = std::get_if<Request>(&order)) {
    scheduler_.submit(std::move(*request), now, events);
  } else if (auto* warmup = std::get_if<Warmup>(&order)) {
    scheduler_.submit(std::move(*warmup), events);
  } else if (const auto* accept = std::get_if<AcceptOrder>(&order)) {
    scheduler_.accept(accept->key, accept->index, accept->tokens, now, events);
  } else if (const auto* cancel = std::get_if<CancelOrder>(&order)) {
    scheduler_.cancel(cancel->key, cancel->index, cancel->received, now, events);
  } else {
    const auto& abandon = std::get<AbandonOrder>(order);
    scheduler_.abandon(abandon.key, abandon.received, now);
  }
}

void Engine::step(StepModel& model, Events& events) {
  const auto& step = scheduler_.plan(Clock::now(), events);
  if (step.empty()) return;
  beat();
  bool copied = false;
  try {
    for (const auto& [from, to] : step.copies) model.copy_block(from, to);
    copied = true;
    const auto result = model.step(step.slices);
    scheduler_.commit(result, Clock::now(), events);
    steps_ = scheduler_.steps();
  } catch (const std::exception& failure) {
    const auto kind = on_failure_(failure);
    if (kind == StepFailure::kOutOfMemory && copied) {
      scheduler_.shed(events);
    } else {
      scheduler_.fail(proto::ErrorCode::kInternal, "the model could not compute this step", events);
    }
  }
}

// A step begins.
void Engine::beat() {
  const std::lock_guard lock(mutex_);
  heartbeat_ = {.busy = true, .last_beat = Clock::now()};
}

// A step has ended, or there was none.
void Engine::publish_load() {
  auto load = scheduler_.load();
  const std::lock_guard lock(mutex_);
  load_ = std::move(load);
  for (const auto& order : mailbox_) {
    if (const auto* request = std::get_if<Request>(&order)) count(*request);
  }
  heartbeat_ = {.busy = !scheduler_.idle() || !mailbox_.empty(), .last_beat = Clock::now()};
}

// What has come since the scheduler's account of its load: many may come during one step.
void Engine::count(const Request& request) {
  ++load_.queued;
  load_.backlog.add(request.client(), request.rows());
  for (int i = 0; i < request.suggest.n; ++i) load_.places.take(request.suggest.max_tokens);
}

Load Engine::load() const {
  const std::lock_guard lock(mutex_);
  return load_;
}

Heartbeat Engine::heartbeat() const {
  const std::lock_guard lock(mutex_);
  return heartbeat_;
}

}  // namespace inkfleet::engine
