#pragma once

#include <functional>
#include <memory>
#include <string>

#include "gateway/config.hpp"
#include "net/aliases.hpp"

namespace inkfleet::gateway {

/// Asks a service `GET /healthz` again and again; it is well when it says 200 in time. One probe at a time:
/// while an answer is awaited no other is asked for. On one executor with one thread.
class HealthProbe {
 public:
  struct Target {
    net::tcp::endpoint address;
    std::string host;  ///< the Host header
    std::string name;  ///< for the log
  };
  using Told = std::function<void(bool well)>;

  /// `told` gets each result, until this is destroyed or stopped.
  HealthProbe(net::asio::any_io_executor executor, Target target, ProbeTimes times, Told told);
  ~HealthProbe();

  /// Begins, if it has not.
  void start();
  void stop();

  /// An interval of 0 ends the probes, which counts as well.
  void set_times(ProbeTimes times);

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace inkfleet::gateway
