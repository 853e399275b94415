#pragma once

#include <cstddef>
#include <unordered_map>

#include "model-service/engine/request.hpp"

namespace inkfleet::service {

/// Hears the frames of the requests it submitted.
class FrameReceiver {
 public:
  virtual ~FrameReceiver() = default;
  virtual void on_frame(engine::RequestKey key, proto::ServerFrame frame) = 0;
};

/// Knows whose each live request is, and brings frames there. I/O thread only.
class Dispatcher {
 public:
  /// Whether this frame is the last for its key.
  static bool ends(const proto::ServerFrame& frame);

  /// A key for a new request of `receiver`, which must stay until the request ends or is forgotten.
  engine::RequestKey open(FrameReceiver& receiver);

  /// The receiver of this request is gone: what still comes for it is dropped.
  void forget(engine::RequestKey key);

  /// Passes frames on, in order. The frame that ends a request closes its key.
  void deliver(engine::Events events);

  [[nodiscard]] std::size_t live() const { return receivers_.size(); }

 private:
  std::unordered_map<engine::RequestKey, FrameReceiver*> receivers_;
  engine::RequestKey next_ = 1;
};

}  // namespace inkfleet::service
