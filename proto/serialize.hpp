#pragma once

#include <string>

#include "proto/frames.hpp"

/// Frames as the wire has them: one JSON object, its kind in the field `type`. Absent optional fields are
/// left out; in client frames the defaults are written, so that both ends mean the same by them.
namespace inkfleet::proto {

std::string to_json(const ServerFrame& frame);
std::string to_json(const ClientFrame& frame);

}  // namespace inkfleet::proto
