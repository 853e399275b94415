#include "model-service/service/service_health.hpp"

namespace inkfleet::service {

health::Verdict ServiceHealth::verdict() const {
  health::Observations observations{.probe = prober_.report(), .fatal = errors_.first()};
  if (state_.served) {
    const auto heartbeat = state_.served->engine->heartbeat();
    observations.engine_busy = heartbeat.busy;
    observations.last_step = heartbeat.last_beat;
  }
  return health::judge(observations, limits_, std::chrono::steady_clock::now());
}

}  // namespace inkfleet::service
