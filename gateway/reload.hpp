#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gateway/config.hpp"

namespace inkfleet::gateway {

/// Keys that differ between two configurations and cannot change while the gateway runs.
std::vector<std::string> keys_for_restart(const Config& running, const Config& wanted);

/// What SIGHUP does: reads the configuration again and puts it to use. One that cannot be read or is wrong is
/// logged in one line, and changes nothing.
class Reload {
 public:
  /// `load` throws what load_config() throws; `apply` gets a configuration that is whole.
  Reload(Config running, std::function<Config()> load, std::function<void(const Config&)> apply);

  void run();

 private:
  Config running_;
  std::function<Config()> load_;
  std::function<void(const Config&)> apply_;
};

}  // namespace inkfleet::gateway
