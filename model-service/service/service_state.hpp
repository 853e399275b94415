#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "model-service/service/dispatcher.hpp"
#include "model-service/service/served_model.hpp"

namespace inkfleet::service {

/// What all connections of a service share. I/O thread only.
struct ServiceState {
  std::string name;                   ///< of the model: its URL suffix, without the slash
  std::optional<ServedModel> served;  ///< empty while loading
  bool draining = false;
  bool device_lost = false;  ///< a fatal error was seen: the process is about to end
  Dispatcher dispatcher;
  std::uint64_t connections = 0;                  ///< so far
  std::mt19937_64 seeds{std::random_device{}()};  ///< for requests that bring none
};

}  // namespace inkfleet::service
