#include "model-service/engine_host.hpp"

#include <malloc.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

#include "model-service/faults/faulty_device.hpp"

namespace inkfleet::service {

EngineHost::EngineHost(boost::asio::any_io_executor io, ModelFlags model, EngineHostOptions options,
                       ServiceState& state, ServiceMetrics& metrics)
    : io_(std::move(io)),
      model_(std::move(model)),
      options_(std::move(options)),
      state_(state),
      metrics_(metrics),
      thread_([this] { run(); }) {}

EngineHost::~EngineHost() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    if (engine_) engine_->stop();
  }
  thread_.join();
  state_.served.reset();
}

void EngineHost::run() {
  try {
    serve(load_model(model_, options_.scheduler));
  } catch (...) {  // ends the program: rethrown on the I/O thread, where main hears it
    boost::asio::post(io_, [failure = std::current_exception()] { std::rethrow_exception(failure); });
  }
}

void EngineHost::serve(LoadedModel loaded) {
  const auto deliver = [this](engine::Events events) {
    boost::asio::post(
        io_, [this, events = std::move(events)]() mutable { state_.dispatcher.deliver(std::move(events)); });
  };
  const auto on_failure = [this](const std::exception& failure) { return judge(failure); };
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    engine_ = std::make_unique<engine::Engine>(loaded.model->shape(), *loaded.tokenizer, loaded.scheduler,
                                               metrics_, deliver, on_failure);
  }
  publish({.tokenizer = loaded.tokenizer,
           .shape = loaded.model->shape(),
           .engine = engine_.get(),
           .max_queue = options_.scheduler.max_queue});
  ::malloc_trim(0);  // loading leaves tens of megabytes behind that nothing will ask for again
  step_until_stopped(*loaded.model);
}

void EngineHost::step_until_stopped(engine::StepModel& model) {
  if (options_.faults == nullptr) return engine_->run(model);
  faults::FaultyModel faulty(model, *options_.faults);
  engine_->run(faulty);
}

engine::StepFailure EngineHost::judge(const std::exception& failure) const {
  spdlog::error("a step failed: {}", failure.what());
  const auto* const error = health::classify(failure);
  if (error == nullptr) return engine::StepFailure::kInternal;
  options_.on_device_error(*error);
  return error->error_class == health::ErrorClass::kOutOfMemory ? engine::StepFailure::kOutOfMemory
                                                                : engine::StepFailure::kInternal;
}

void EngineHost::publish(ServedModel served) {
  boost::asio::post(io_, [this, served = std::move(served)]() mutable {
    state_.served = std::move(served);
    options_.on_ready();
  });
}

}  // namespace inkfleet::service
