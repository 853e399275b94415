#pragma once

#include <span>
#include <string>

#include "bench/load/measurement.hpp"
#include "bench/load/options.hpp"
#include "proto/json.hpp"

namespace inkfleet::load {

/// What was asked for, for people.
std::string describe(const Options& options);

/// The table for people: its head, and a line for each rate. Ends in a newline, as do the next two.
std::string table_head();
std::string table_row(const StepReport& step);

/// Errors by code; empty when there were none.
std::string error_line(const StepReport& step);

/// Says that the client itself could not keep up; empty when it could.
std::string warning(const StepReport& step);

/// Everything, for scripts; docs/benchmarks.md says what the fields mean.
proto::Json to_json(const Options& options, std::span<const StepReport> steps);

}  // namespace inkfleet::load
