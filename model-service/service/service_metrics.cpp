#include "model-service/service/service_metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <algorithm>

#include "proto/error_code.hpp"

namespace inkfleet::service {
namespace {

prometheus::Family<prometheus::Counter>& counters(net::Metrics& metrics, const std::string& model,
                                                  const char* name, const char* help) {
  return prometheus::BuildCounter()
      .Name(name)
      .Help(help)
      .Labels({{"model", model}})
      .Register(metrics.registry());
}

prometheus::Gauge& gauge(net::Metrics& metrics, const std::string& model, const char* name,
                         const char* help) {
  return prometheus::BuildGauge()
      .Name(name)
      .Help(help)
      .Labels({{"model", model}})
      .Register(metrics.registry())
      .Add({});
}

prometheus::Histogram& latency(net::Metrics& metrics, const std::string& model, const char* name,
                               const char* help) {
  return prometheus::BuildHistogram()
      .Name(name)
      .Help(help)
      .Labels({{"model", model}})
      .Register(metrics.registry())
      .Add({}, net::latency_buckets());
}

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

ServiceMetrics::ServiceMetrics(net::Metrics& metrics, const std::string& model)
    : completed_(
          counters(metrics, model, "inkfleet_requests_completed_total", "Requests that ended in completed")
              .Add({})),
      failed_(counters(metrics, model, "inkfleet_requests_failed_total",
                       "Requests that ended in an error, by its code")),
      prompt_tokens_(
          counters(metrics, model, "inkfleet_prompt_tokens_total", "Prompt tokens of completed requests")
              .Add({})),
      cached_tokens_(counters(metrics, model, "inkfleet_cached_prompt_tokens_total",
                              "Prompt tokens of completed requests taken from the prefix cache")
                         .Add({})),
      completion_tokens_(counters(metrics, model, "inkfleet_completion_tokens_total",
                                  "Tokens generated for completed requests")
                             .Add({})),
      steps_(counters(metrics, model, "inkfleet_engine_steps_total", "Steps of the model").Add({})),
      prefill_rows_(counters(metrics, model, "inkfleet_engine_prefill_rows_total",
                             "Prompt tokens fed through the model")
                        .Add({})),
      decode_rows_(counters(metrics, model, "inkfleet_engine_decode_rows_total",
                            "Tokens fed through the model to continue a suggestion")
                       .Add({})),
      first_token_(latency(metrics, model, "inkfleet_first_token_seconds",
                           "From a request's arrival to its first token")),
      inter_token_(
          latency(metrics, model, "inkfleet_inter_token_seconds", "Between two tokens of a suggestion")),
      cancel_steps_(prometheus::BuildHistogram()
                        .Name("inkfleet_cancel_steps")
                        .Help("Steps computed for a suggestion after its cancel, or the loss of its "
                              "connection, was read")
                        .Labels({{"model", model}})
                        .Register(metrics.registry())
                        .Add({}, prometheus::Histogram::BucketBoundaries{0, 1, 2, 4, 8})),
      queue_depth_(gauge(metrics, model, "inkfleet_queue_depth", "Requests that wait to be started")),
      running_requests_(gauge(metrics, model, "inkfleet_running_requests", "Requests started and not ended")),
      running_suggestions_(
          gauge(metrics, model, "inkfleet_running_suggestions", "Suggestions decoded in one step")),
      backlog_tokens_(gauge(metrics, model, "inkfleet_backlog_tokens",
                            "At most so many tokens are still to be computed")),
      cache_used_(
          gauge(metrics, model, "inkfleet_cache_used_ratio", "Share of the key-value cache in use, 0 to 1")),
      saturation_(gauge(metrics, model, "inkfleet_saturation",
                        "0 to 1: the larger of key-value memory used and expected wait over the wait limit")),
      health_(prometheus::BuildGauge()
                  .Name("inkfleet_health")
                  .Help("1 while a check of /healthz passes, by check")
                  .Labels({{"model", model}})
                  .Register(metrics.registry())),
      device_errors_(counters(metrics, model, "inkfleet_device_errors_total",
                              "Errors the device reported to steps and probes, by class")) {}

void ServiceMetrics::on_device_error(const health::DeviceError& error) {
  device_errors_.Add({{"class", std::string(health::name(error.error_class))}}).Increment();
}

void ServiceMetrics::on_first_token(std::chrono::nanoseconds waited) {
  first_token_.Observe(seconds(waited));
}

void ServiceMetrics::on_next_token(std::chrono::nanoseconds waited) {
  inter_token_.Observe(seconds(waited));
}

void ServiceMetrics::on_step(int prefill_rows, int decode_rows) {
  steps_.Increment();
  prefill_rows_.Increment(prefill_rows);
  decode_rows_.Increment(decode_rows);
}

void ServiceMetrics::on_cancelled(int steps) {
  cancel_steps_.Observe(steps);
}

void ServiceMetrics::on_completed(const proto::Usage& usage) {
  completed_.Increment();
  prompt_tokens_.Increment(usage.prompt_tokens);
  cached_tokens_.Increment(usage.cached_tokens);
  completion_tokens_.Increment(usage.completion_tokens);
}

void ServiceMetrics::on_failed(proto::ErrorCode code) {
  failed_.Add({{"code", std::string(proto::name(code))}}).Increment();
}

void ServiceMetrics::set_health(const health::Verdict& verdict) {
  for (const auto& check : verdict) {
    health_.Add({{"check", std::string(check.name)}}).Set(check.failure.empty() ? 1 : 0);
  }
}

void ServiceMetrics::set_load(const engine::Load& load, std::chrono::milliseconds wait_limit) {
  queue_depth_.Set(load.queued);
  running_requests_.Set(load.running);
  running_suggestions_.Set(load.sequences);
  backlog_tokens_.Set(load.backlog_tokens);
  const double memory =
      load.blocks_total == 0 ? 0.0 : static_cast<double>(load.blocks_used) / load.blocks_total;
  cache_used_.Set(memory);
  saturation_.Set(std::min(1.0, std::max(memory, seconds(load.expected_wait) / seconds(wait_limit))));
}

}  // namespace inkfleet::service
