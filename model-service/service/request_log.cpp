#include "model-service/service/request_log.hpp"

#include <fmt/format.h>

#include <cmath>

#include "net/log_event.hpp"
#include "proto/error_code.hpp"
#include "proto/traceparent.hpp"

namespace inkfleet::service {

namespace {

using proto::trace_id_of;

/// With one digit after the point.
double milliseconds(double time) {
  return std::round(time * 10) / 10;
}

}  // namespace

void log_completed(const proto::Completed& completed, const std::optional<std::string>& traceparent) {
  const auto& usage = completed.usage;
  const auto& timing = completed.timing;
  net::log_event(spdlog::level::info, "request completed",
                 {{"trace_id", trace_id_of(traceparent)},
                  {"request", completed.id},
                  {"prompt_tokens", usage.prompt_tokens},
                  {"cached_tokens", usage.cached_tokens},
                  {"completion_tokens", usage.completion_tokens},
                  {"queue_ms", milliseconds(timing.queue)},
                  {"prefill_ms", milliseconds(timing.prefill)},
                  {"decode_ms", milliseconds(timing.decode)}});
}

void log_error(const std::string& id, proto::ErrorCode code, const std::optional<std::string>& traceparent) {
  net::log_event(spdlog::level::info, fmt::format("request {}", proto::name(code)),
                 {{"trace_id", trace_id_of(traceparent)}, {"request", id}});
}

void log_abandoned(const std::string& id, const std::optional<std::string>& traceparent) {
  net::log_event(spdlog::level::info, "request abandoned",
                 {{"trace_id", trace_id_of(traceparent)}, {"request", id}});
}

}  // namespace inkfleet::service
