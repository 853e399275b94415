#pragma once

#include <string>

#include "proto/frames.hpp"

namespace inkfleet::gateway {

/// One model service, as the relay sees it. What it answers goes to Relay::on_frame, its loss to
/// Relay::on_lost.
class Upstream {
 public:
  virtual ~Upstream() = default;
  virtual bool connected() const = 0;
  virtual void send(const proto::ClientFrame& frame) = 0;
  /// Its address, for people.
  virtual const std::string& name() const = 0;
};

}  // namespace inkfleet::gateway
