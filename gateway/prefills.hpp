#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include "gateway/upstream.hpp"
#include "proto/frames.hpp"

namespace inkfleet::gateway {

/// The prefills that services were sent and have not answered. A service need not answer: it drops a prefill
/// for a newer frame of the document, and its errors about one do not say which.
class Prefills {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  struct Waiting {
    std::function<void(proto::Prefilled)> answer;
    TimePoint since;
  };

  void add(const Upstream& upstream, const std::string& id, Waiting prefill) {
    waiting_[&upstream][id] = std::move(prefill);
  }

  /// Calls the prefill's `answer`, once; a frame that answers none of this service is ignored.
  void answer(const Upstream& from, proto::Prefilled frame);

  void drop(const std::string& id);
  void drop_all(const Upstream& upstream) { waiting_.erase(&upstream); }
  void drop_sent_until(TimePoint time);

  bool contains(const std::string& id) const;
  std::size_t count(const Upstream& upstream) const;

 private:
  std::map<const Upstream*, std::map<std::string, Waiting>> waiting_;  // by id
};

}  // namespace inkfleet::gateway
