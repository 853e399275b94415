#pragma once

#include <chrono>
#include <string>

#include "model-service/engine/engine.hpp"
#include "model-service/health/verdict.hpp"
#include "net/metrics.hpp"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace inkfleet::service {

/// A service's numbers: the engine's work as it happens, its load when a scrape asks.
class ServiceMetrics : public engine::Observer {
 public:
  /// `model`: its name, which all of them have as a label.
  ServiceMetrics(net::Metrics& metrics, const std::string& model);

  void on_first_token(std::chrono::nanoseconds waited) override;
  void on_next_token(std::chrono::nanoseconds waited) override;
  void on_step(int prefill_rows, int decode_rows) override;
  void on_cancelled(int steps) override;
  void on_completed(const proto::Usage& usage) override;
  void on_failed(proto::ErrorCode code) override;

  /// From any thread.
  void on_device_error(const health::DeviceError& error);

  /// Called before a scrape is answered. A new request that is expected to wait `wait_limit` finds the
  /// service saturated.
  void set_load(const engine::Load& load, std::chrono::milliseconds wait_limit);
  void set_health(const health::Verdict& verdict);

 private:
  prometheus::Counter& completed_;
  prometheus::Family<prometheus::Counter>& failed_;
  prometheus::Counter& prompt_tokens_;
  prometheus::Counter& cached_tokens_;
  prometheus::Counter& completion_tokens_;
  prometheus::Counter& steps_;
  prometheus::Counter& prefill_rows_;
  prometheus::Counter& decode_rows_;
  prometheus::Histogram& first_token_;
  prometheus::Histogram& inter_token_;
  prometheus::Histogram& cancel_steps_;
  prometheus::Gauge& queue_depth_;
  prometheus::Gauge& running_requests_;
  prometheus::Gauge& running_suggestions_;
  prometheus::Gauge& backlog_tokens_;
  prometheus::Gauge& cache_used_;
  prometheus::Gauge& saturation_;
  prometheus::Family<prometheus::Gauge>& health_;
  prometheus::Family<prometheus::Counter>& device_errors_;
};

}  // namespace inkfleet::service
