// Server-sent events: the same events wherever the stream is cut.

#include "bench/load/sse.hpp"

#include <algorithm>
#include <vector>

#include "tests/fuzz/fuzz.hpp"

using inkfleet::fuzz::require;

namespace {

std::vector<std::string> events_of(std::string_view stream, std::size_t piece) {
  inkfleet::load::SseParser parser;
  std::vector<std::string> events;
  while (!stream.empty()) {
    const auto length = std::min(piece, stream.size());
    parser.feed(stream.substr(0, length), [&](std::string_view data) { events.emplace_back(data); });
    stream.remove_prefix(length);
  }
  return events;
}

/// The events as a server would send them.
std::string written(const std::vector<std::string>& events) {
  std::string stream;
  for (const auto& data : events) {
    std::string_view rest = data;
    for (auto end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
      stream.append("data: ").append(rest.substr(0, end)).append("\n");
      rest.remove_prefix(end + 1);
    }
    stream.append("data: ").append(rest).append("\n\n");
  }
  return stream;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto stream = inkfleet::fuzz::text_of(data, size);
  const auto whole = events_of(stream, size + 1);
  require(events_of(stream, 1) == whole && events_of(stream, 7) == whole,
          "the same events wherever it is cut");
  require(events_of(written(whole), size + 1) == whole, "read, written, read: equal");
  return 0;
}
