#include "model-service/engine_host.hpp"

#include <malloc.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <exception>
#include <utility>

namespace inkfleet::service {

EngineHost::EngineHost(boost::asio::any_io_executor io, ModelFlags model, engine::SchedulerOptions options,
                       ServiceState& state, ServiceMetrics& metrics, std::function<void()> on_ready)
    : io_(std::move(io)),
      model_(std::move(model)),
      options_(std::move(options)),
      state_(state),
      metrics_(metrics),
      on_ready_(std::move(on_ready)),
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
    serve(load_model(model_));
  } catch (...) {  // ends the program: rethrown on the I/O thread, where main hears it
    boost::asio::post(io_, [failure = std::current_exception()] { std::rethrow_exception(failure); });
  }
}

void EngineHost::serve(LoadedModel loaded) {
  options_.receipt = loaded.receipt;
  options_.exact = loaded.exact;
  const auto deliver = [this](engine::Events events) {
    boost::asio::post(
        io_, [this, events = std::move(events)]() mutable { state_.dispatcher.deliver(std::move(events)); });
  };
  const auto on_failure = [](const std::exception& failure) {
    spdlog::error("a step failed: {}", failure.what());
  };
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    engine_ = std::make_unique<engine::Engine>(loaded.model->shape(), *loaded.tokenizer, options_, metrics_,
                                               deliver, on_failure);
  }
  publish({.tokenizer = loaded.tokenizer,
           .shape = loaded.model->shape(),
           .engine = engine_.get(),
           .max_queue = options_.max_queue});
  ::malloc_trim(0);  // loading leaves tens of megabytes behind that nothing will ask for again
  engine_->run(*loaded.model);
}

void EngineHost::publish(ServedModel served) {
  boost::asio::post(io_, [this, served = std::move(served)]() mutable {
    state_.served = std::move(served);
    on_ready_();
  });
}

}  // namespace inkfleet::service
