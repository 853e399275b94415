#pragma once

#include <optional>
#include <string>

#include "proto/frames.hpp"

/// One line in the log for each request that has ended: what it is called there, never what it says.
namespace inkfleet::service {

void log_completed(const proto::Completed& completed, const std::optional<std::string>& traceparent);
void log_error(const std::string& id, proto::ErrorCode code, const std::optional<std::string>& traceparent);

/// Its connection has gone.
void log_abandoned(const std::string& id, const std::optional<std::string>& traceparent);

}  // namespace inkfleet::service
