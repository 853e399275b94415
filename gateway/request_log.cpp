#include "gateway/request_log.hpp"

#include <fmt/format.h>

#include "gateway/gateway_metrics.hpp"
#include "gateway/relay.hpp"
#include "net/log_event.hpp"
#include "proto/traceparent.hpp"

namespace inkfleet::gateway {

void log_ended(const EndedRequest& request) {
  const auto& order = request.order;
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(request.took);
  net::log_event(spdlog::level::info, fmt::format("request {}", request.outcome),
                 {{"trace_id", proto::trace_id_of(order.suggest.traceparent)},
                  {"request", order.suggest.id},
                  {"id", std::string(request.id)},
                  {"model", order.model},
                  {"door", std::string(name(order.door))},
                  {"key", order.caller.owner()},
                  {"service", request.service},
                  {"moves", request.moves},
                  {"ms", took.count()}});
}

}  // namespace inkfleet::gateway
