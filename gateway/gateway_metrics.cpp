#include "gateway/gateway_metrics.hpp"

namespace inkfleet::gateway {

namespace {

double seconds(Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

/// 5 us to 0.1 s: what relaying one frame may cost.
const prometheus::Histogram::BucketBoundaries kDelayBuckets{5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4,
                                                            1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 1e-1};

prometheus::Family<prometheus::Counter>& counters(net::Metrics& metrics, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(metrics.registry());
}

prometheus::Family<prometheus::Gauge>& gauges(net::Metrics& metrics, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(metrics.registry());
}

prometheus::Family<prometheus::Histogram>& histograms(net::Metrics& metrics, const char* name,
                                                      const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(metrics.registry());
}

}  // namespace

std::string_view name(Door door) {
  if (door == Door::kOpenAi) return "openai";
  return door == Door::kProtocol ? "protocol" : "legacy";
}

GatewayMetrics::GatewayMetrics(net::Metrics& metrics)
    : requests_(counters(metrics, "inkfleet_gateway_requests_total", "Requests that ended, by outcome")),
      moves_(counters(metrics, "inkfleet_gateway_moves_total",
                      "Requests taken on by another service, by reason")),
      live_(gauges(metrics, "inkfleet_gateway_live_requests", "Requests that have not ended yet")),
      first_text_(histograms(metrics, "inkfleet_gateway_first_token_seconds", "From request to first text")),
      upstreams_(gauges(metrics, "inkfleet_gateway_upstream_connected", "1 while a service is connected")),
      probes_(gauges(metrics, "inkfleet_gateway_upstream_probe_ok",
                     "1 while the health probe of a service is answered well")),
      connections_(gauges(metrics, "inkfleet_gateway_connections", "Open WebSockets of editors")),
      refused_(counters(
          metrics, "inkfleet_gateway_refused_total",
          "Requests and connections refused for their content, key, origin or limits, by HTTP status")),
      added_delay_(histograms(metrics, "inkfleet_gateway_added_delay_seconds",
                              "Between a service's frame and its being queued for the editor")
                       .Add({}, kDelayBuckets)),
      forward_(histograms(metrics, "inkfleet_gateway_forward_seconds",
                          "Between a service's frame and the begin of its being written to the editor")
                   .Add({}, kDelayBuckets)) {}

void GatewayMetrics::on_request_begun(const std::string& model, Door door) {
  live_.Add({{"model", model}, {"door", std::string(name(door))}}).Increment();
}

void GatewayMetrics::on_request_moved(const std::string& model, std::string_view why) {
  moves_.Add({{"model", model}, {"why", std::string(why)}}).Increment();
}

void GatewayMetrics::on_first_text(const std::string& model, Clock::duration since_request) {
  first_text_.Add({{"model", model}}, net::latency_buckets()).Observe(seconds(since_request));
}

void GatewayMetrics::on_request_ended(const std::string& model, Door door, std::string_view outcome) {
  const std::string door_name(name(door));
  live_.Add({{"model", model}, {"door", door_name}}).Decrement();
  requests_.Add({{"model", model}, {"door", door_name}, {"outcome", std::string(outcome)}}).Increment();
}

void GatewayMetrics::on_upstream(const std::string& model, const std::string& address, bool connected) {
  upstreams_.Add({{"model", model}, {"upstream", address}}).Set(connected ? 1 : 0);
  for (const char* why : {"lost", "silent"}) moves_.Add({{"model", model}, {"why", why}});  // from 0 on
}

void GatewayMetrics::on_probe(const std::string& model, const std::string& address, bool well) {
  probes_.Add({{"model", model}, {"upstream", address}}).Set(well ? 1 : 0);
}

void GatewayMetrics::on_upstream_gone(const std::string& model, const std::string& address) {
  for (auto* family : {&upstreams_, &probes_}) {
    family->Remove(&family->Add({{"model", model}, {"upstream", address}}));
  }
}

void GatewayMetrics::on_connection(Door door, int change) {
  connections_.Add({{"door", std::string(name(door))}}).Increment(change);
}

void GatewayMetrics::on_refused(unsigned status) {
  refused_.Add({{"status", std::to_string(status)}}).Increment();
}

void GatewayMetrics::on_frame_relayed(Clock::duration delay) {
  added_delay_.Observe(seconds(delay));
}

void GatewayMetrics::on_frame_forwarded(Clock::duration delay) {
  forward_.Observe(seconds(delay));
}

}  // namespace inkfleet::gateway
