#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "proto/frames.hpp"

namespace inkfleet::net {

/// What waits to be written to one connection. No I/O, no time, no threads.
///
/// A delta joins the last waiting delta of its suggestion whenever there is one. The contract asks for that
/// only when much waits; doing it always needs no threshold, and costs a quick reader nothing since nothing
/// waits for it. So at most one delta a suggestion waits (below kMergedBytes), however slowly the other end
/// reads.
class Outbox {
 public:
  /// A merged delta does not grow beyond this, so that it stays within the other end's frame limit.
  static constexpr std::size_t kMergedBytes = std::size_t{64} * 1024;

  using TimePoint = std::chrono::steady_clock::time_point;

  /// `cause` is when that was read which leads to the frame, if it is known.
  void push(proto::ServerFrame frame, std::optional<TimePoint> cause = {});

  /// Replaces what waits under the same key; an empty key replaces nothing.
  void push_latest(std::string key, std::string text, std::optional<TimePoint> cause = {});

  /// The next text to write; nothing when nothing waits.
  std::optional<std::string> pop();

  /// The cause of the next text, the oldest one where several were merged.
  std::optional<TimePoint> next_cause() const {
    return waiting_.empty() ? std::nullopt : waiting_.front().cause;
  }

  bool empty() const { return waiting_.empty(); }

  /// About how many bytes wait: text exactly, the JSON around it estimated.
  std::size_t bytes() const { return bytes_; }

  void clear();

 private:
  struct KeyedText {
    std::string key;
    std::string text;
  };
  struct Entry {
    std::variant<proto::ServerFrame, KeyedText> what;
    std::size_t bytes = 0;
    std::optional<TimePoint> cause;
  };
  using Suggestion = std::pair<std::string, int>;  // id, index

  bool merge(proto::Delta& delta);
  void append(Entry entry);
  Entry& at(std::uint64_t number) { return waiting_[number - first_]; }
  void forget(const Entry& entry, std::uint64_t number);

  std::deque<Entry> waiting_;
  std::uint64_t first_ = 0;  // number of the entry at the front; numbers are never used twice
  std::map<Suggestion, std::uint64_t> last_delta_;
  std::map<std::string, std::uint64_t> latest_;
  std::size_t bytes_ = 0;
};

}  // namespace inkfleet::net
