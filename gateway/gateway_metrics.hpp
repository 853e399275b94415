#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <string>
#include <string_view>

#include "gateway/relay.hpp"
#include "net/metrics.hpp"

namespace inkfleet::gateway {

/// "protocol", "legacy" or "openai", as the metrics name it.
std::string_view name(Door door);

/// The gateway's numbers. Used from its one thread.
class GatewayMetrics : public RelayObserver {
 public:
  explicit GatewayMetrics(net::Metrics& metrics);

  void on_request_begun(const std::string& model, Door door) override;
  void on_request_moved(const std::string& model, std::string_view why) override;
  void on_first_text(const std::string& model, Clock::duration since_request) override;
  void on_request_ended(const std::string& model, Door door, std::string_view outcome) override;

  void on_upstream(const std::string& model, const std::string& address, bool connected);
  void on_probe(const std::string& model, const std::string& address, bool well);

  /// The service is none of the gateway's any more; what it told of itself is not shown further.
  void on_upstream_gone(const std::string& model, const std::string& address);
  void on_connection(Door door, int change);

  /// A request or connection was refused for what it asks, its key, its origin or a limit.
  void on_refused(unsigned status);

  /// Between a service's frame and its being queued for the editor.
  void on_frame_relayed(Clock::duration delay);

  /// Between a service's frame and the begin of its being written to the editor.
  void on_frame_forwarded(Clock::duration delay);

 private:
  prometheus::Family<prometheus::Counter>& requests_;
  prometheus::Family<prometheus::Counter>& moves_;
  prometheus::Family<prometheus::Gauge>& live_;
  prometheus::Family<prometheus::Histogram>& first_text_;
  prometheus::Family<prometheus::Gauge>& upstreams_;
  prometheus::Family<prometheus::Gauge>& probes_;
  prometheus::Family<prometheus::Gauge>& connections_;
  prometheus::Family<prometheus::Counter>& refused_;
  prometheus::Histogram& added_delay_;
  prometheus::Histogram& forward_;
};

}  // namespace inkfleet::gateway
