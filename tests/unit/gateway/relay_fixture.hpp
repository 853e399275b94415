#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "gateway/relay.hpp"
#include "tests/unit/gateway/fakes.hpp"

namespace inkfleet::gateway {

/// A relay with two services of the model "m", on whose connections nothing happens but what a test says.
class RelayTest : public testing::Test {
 protected:
  RelayTest() {
    relay.add_upstream("m", one);
    relay.add_upstream("m", two);
  }

  Relay::Ticket start(proto::Suggest suggest, std::vector<proto::ServerFrame>& answers) {
    return relay.start(
        {.model = "m",
         .suggest = std::move(suggest),
         .answer = [&answers](proto::ServerFrame frame) { answers.push_back(std::move(frame)); }},
        at(std::chrono::milliseconds(0)));
  }
  void answer(const Upstream& from, proto::ServerFrame frame) {
    relay.on_frame(from, std::move(frame), at(std::chrono::milliseconds(1)));
  }

  FakeUpstream one{"ws://one"}, two{"ws://two"};
  CountingObserver observer;
  Relay relay{observer, 1};
  std::vector<proto::ServerFrame> got;
};

/// Frames in short: "started", "delta 0 text", "finished 0 length", "completed", "error unavailable".
inline std::vector<std::string> brief(const std::vector<proto::ServerFrame>& frames) {
  struct {
    std::string operator()(const proto::Queued&) { return "queued"; }
    std::string operator()(const proto::Started&) { return "started"; }
    std::string operator()(const proto::Delta& f) { return fmt::format("delta {} {}", f.index, f.text); }
    std::string operator()(const proto::Finished& f) {
      const bool failed = f.reason == proto::FinishReason::kFailed;
      return fmt::format("finished {}{}", f.index, failed ? " failed" : "");
    }
    std::string operator()(const proto::Completed&) { return "completed"; }
    std::string operator()(const proto::Prefilled&) { return "prefilled"; }
    std::string operator()(const proto::Error& f) {
      return f.code == proto::ErrorCode::kUnavailable ? "unavailable"
             : f.code == proto::ErrorCode::kDeadline  ? "deadline"
                                                      : "error";
    }
  } in_short;
  std::vector<std::string> all;
  for (const auto& frame : frames) all.push_back(std::visit(in_short, frame));
  return all;
}

}  // namespace inkfleet::gateway
