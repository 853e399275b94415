#include "proto/traceparent.hpp"

#include <gtest/gtest.h>

#include "proto/parse.hpp"
#include "proto/serialize.hpp"

namespace inkfleet::proto {
namespace {

// The example of the recommendation, section 3.2.
constexpr auto kExample = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(Traceparent, ReadsTheRecommendationsExample) {
  const auto trace = parse_traceparent(kExample);
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->trace_id, "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(trace->span_id, "b7ad6b7169203331");
  EXPECT_EQ(trace->flags, "01");
  EXPECT_EQ(to_traceparent(*trace), kExample);
}

TEST(Traceparent, WhatIsNoneIsNothing) {
  for (const char* text : {
           "",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
           "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",  // version 00 ends here
           "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",    // lower case only
           "00-00000000000000000000000000000000-b7ad6b7169203331-01",
           "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
           "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
           "0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
       }) {
    EXPECT_FALSE(parse_traceparent(text)) << text;
  }
}

TEST(Traceparent, OfALaterVersionTheKnownPartIsRead) {
  const auto later = "42-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-and-more";
  ASSERT_TRUE(parse_traceparent(later));
  EXPECT_EQ(to_traceparent(*parse_traceparent(later)), kExample);
  EXPECT_FALSE(parse_traceparent("42-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x"));
}

TEST(Traceparent, TravelsWithARequestIfItIsOne) {
  const auto read = [](const std::string& traceparent) {
    const auto frame = R"({"type":"suggest","id":"a","prompt":"x","traceparent":")" + traceparent + "\"}";
    return std::get<Suggest>(std::get<ClientFrame>(parse_client_frame(frame)));
  };
  EXPECT_EQ(read(kExample).traceparent, kExample);
  EXPECT_EQ(read("nonsense").traceparent, std::nullopt) << "a bad trace refuses no request";
  EXPECT_NE(to_json(ClientFrame(read(kExample))).find(kExample), std::string::npos);
}

}  // namespace
}  // namespace inkfleet::proto
