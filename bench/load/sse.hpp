#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace inkfleet::load {

/// Reads a stream of server-sent events, cut into pieces anywhere
/// (https://html.spec.whatwg.org/multipage/server-sent-events.html, "Interpreting an event stream").
/// Only data matters here: comments and other fields are passed over.
class SseParser {
 public:
  using OnData = std::function<void(std::string_view data)>;

  /// Calls `on_data` with the data of each event that `bytes` brings to its end.
  void feed(std::string_view bytes, const OnData& on_data);

 private:
  void end_line(const OnData& on_data);

  std::string line_;
  std::string data_;  // of the event so far, a newline after each line of it
  bool after_return_ = false;
};

}  // namespace inkfleet::load
