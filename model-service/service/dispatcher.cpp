#include "model-service/service/dispatcher.hpp"

#include <utility>
#include <variant>

namespace inkfleet::service {

bool Dispatcher::ends(const proto::ServerFrame& frame) {
  return std::holds_alternative<proto::Completed>(frame) || std::holds_alternative<proto::Prefilled>(frame) ||
         std::holds_alternative<proto::Error>(frame);
}

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
    if (ends(event.frame)) receivers_.erase(found);
    receiver->on_frame(event.key, std::move(event.frame));
  }
}

}  // namespace inkfleet::service
