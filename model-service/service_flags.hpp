#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "model-service/engine/scheduler.hpp"
#include "model-service/health/verdict.hpp"
#include "model-service/model_flags.hpp"
#include "model-service/service/service_app.hpp"
#include "net/origin.hpp"
#include "net/server_options.hpp"

namespace inkfleet::service {

/// The flags of inkfleet-model beyond those every server has.
struct ServiceFlags {
  ModelFlags model;
  std::string check_folder;  ///< not empty: nothing is served, this model is checked
  std::string check_text;    ///< a file to judge then; may be empty
  int max_queue = static_cast<int>(proto::limits::kQueuedRequests);
  int drain_seconds = 30;
  int max_step_ms = static_cast<int>(engine::SchedulerOptions{}.step_time.count());
  int step_limit_ms = static_cast<int>(health::Limits{}.step.count());
  int probe_deadline_ms = static_cast<int>(health::Limits{}.probe.count());
  int wait_limit_ms = static_cast<int>(ServiceAppOptions{}.wait_limit.count());
  std::string prefix_cache = "on";
  bool faults = false;
  std::string key_file;
  std::vector<std::string> origins;
  bool log_prompts = false;
  net::ServerOptions server{.connection = {.frame_limit = proto::limits::kServiceFrameBytes}};

  void add_to(CLI::App& cli);

  [[nodiscard]] health::Limits limits() const;

  /// Throws std::runtime_error with one line if an origin is none.
  [[nodiscard]] net::OriginRule origin_rule() const;

 private:
  void add_check(CLI::App& cli);
  void add_times(CLI::App& cli);
  void add_doors(CLI::App& cli);
};

/// Throws std::runtime_error with one line if flags contradict each other.
void check(const ServiceFlags& flags);

}  // namespace inkfleet::service
