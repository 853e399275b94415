#include "bench/load/sse.hpp"

#include <gmock/gmock.h>

#include <vector>

namespace inkfleet::load {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// What comes of `stream` when it arrives in pieces of `size` bytes.
std::vector<std::string> events_of(std::string_view stream, std::size_t size) {
  SseParser parser;
  std::vector<std::string> events;
  for (std::size_t at = 0; at < stream.size(); at += size) {
    parser.feed(stream.substr(at, size), [&](std::string_view data) { events.emplace_back(data); });
  }
  return events;
}

TEST(Sse, PiecesMayEndAnywhere) {
  const std::string_view stream =
      ": ping\n\n"
      "data: {\"content\":\" caf\u00e9\"}\n\n"
      "event: message\r\nid: 7\r\ndata:second\r\n\r\n"
      "data: [DONE]\r\r";
  for (std::size_t size = 1; size <= stream.size(); ++size) {
    EXPECT_THAT(events_of(stream, size), ElementsAre("{\"content\":\" caf\u00e9\"}", "second", "[DONE]"))
        << size;
  }
}

TEST(Sse, LinesOfOneEventAreJoined) {
  EXPECT_THAT(events_of("data: a\ndata:  b\ndata:\n\n", 3), ElementsAre("a\n b\n"));
}

TEST(Sse, AnEventWithoutItsEmptyLineIsNone) {
  EXPECT_THAT(events_of("data: a\n", 100), IsEmpty());
  EXPECT_THAT(events_of("\n\n\nevent: x\n\n:\n\n", 100), IsEmpty());
}

TEST(Sse, AReturnAloneEndsALineToo) {
  // Were \r\n two ends of line, the first event would end before its second line.
  EXPECT_THAT(events_of("data: a\r\ndata: b\r\n\r\ndata: c\r\rdata: d\n\n", 1),
              ElementsAre("a\nb", "c", "d"));
}

}  // namespace
}  // namespace inkfleet::load
