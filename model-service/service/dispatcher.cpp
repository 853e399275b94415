#include "model-service/service/dispatcher.hpp"

#include <utility>
#include <variant>

namespace inkfleet::service {

engine::RequestKey Dispatcher::open(FrameReceiver& receiver) {
  const auto key = next_++;
  receivers_.emplace(key, &receiver);
  return key;
}

void Dispatcher::forget(engine::RequestKey key) {
  receivers_.erase(key);
}

void Dispatcher::deliver(engine::Events events) {
  for (auto& event : events) {
    const auto found = receivers_.find(event.key);
    if (found == receivers_.end()) continue;
    auto* const receiver = found->second;
    const bool ends = std::holds_alternative<proto::Completed>(event.frame) ||
                      std::holds_alternative<proto::Error>(event.frame);
    if (ends) receivers_.erase(found);
    receiver->on_frame(std::move(event.frame));
  }
}

}  // namespace inkfleet::service
