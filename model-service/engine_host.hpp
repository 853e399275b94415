#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "model-service/engine/engine.hpp"
#include "model-service/model_flags.hpp"
#include "model-service/service/served_model.hpp"
#include "model-service/service/service_metrics.hpp"
#include "model-service/service/service_state.hpp"

namespace inkfleet::service {

/// The engine thread: loads the model, makes it known to the connections, and steps until the host goes away.
/// Made and destroyed on the I/O thread. A model that cannot be loaded is thrown out of the I/O loop.
class EngineHost {
 public:
  EngineHost(boost::asio::any_io_executor io, ModelFlags model, engine::SchedulerOptions options,
             ServiceState& state, ServiceMetrics& metrics, std::function<void()> on_ready);
  ~EngineHost();

 private:
  void run();
  void serve(LoadedModel loaded);
  void publish(ServedModel served);

  boost::asio::any_io_executor io_;
  ModelFlags model_;
  engine::SchedulerOptions options_;
  ServiceState& state_;
  ServiceMetrics& metrics_;
  std::function<void()> on_ready_;

  std::mutex mutex_;
  std::unique_ptr<engine::Engine> engine_;  // set under mutex_
  bool stopping_ = false;                   // guarded by mutex_
  std::thread thread_;
};

}  // namespace inkfleet::service
