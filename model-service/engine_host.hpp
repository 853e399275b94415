#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "model-service/engine/engine.hpp"
#include "model-service/faults/faults.hpp"
#include "model-service/health/device_error.hpp"
#include "model-service/model_loading.hpp"
#include "model-service/service/served_model.hpp"
#include "model-service/service/service_metrics.hpp"
#include "model-service/service/service_state.hpp"

namespace inkfleet::service {

/// What the engine thread tells, and what it suffers.
struct EngineHostOptions {
  engine::SchedulerOptions scheduler;
  std::function<void()> on_ready;                                   ///< on the I/O thread
  std::function<void(const health::DeviceError&)> on_device_error;  ///< on the engine thread
  faults::Faults* faults = nullptr;                                 ///< to be had on demand; null: none
};

/// The engine thread: loads the model, makes it known to the connections, and steps until the host goes away.
/// Made and destroyed on the I/O thread. A model that cannot be loaded is thrown out of the I/O loop.
class EngineHost {
 public:
  EngineHost(boost::asio::any_io_executor io, ModelFlags model, EngineHostOptions options,
             ServiceState& state, ServiceMetrics& metrics);
  ~EngineHost();

 private:
  void run();
  void serve(LoadedModel loaded);
  void publish(ServedModel served);
  void step_until_stopped(engine::StepModel& model);
  engine::StepFailure judge(const std::exception& failure) const;

  boost::asio::any_io_executor io_;
  ModelFlags model_;
  EngineHostOptions options_;
  ServiceState& state_;
  ServiceMetrics& metrics_;

  std::mutex mutex_;
  std::unique_ptr<engine::Engine> engine_;  // set under mutex_
  bool stopping_ = false;                   // guarded by mutex_
  std::thread thread_;
};

}  // namespace inkfleet::service
