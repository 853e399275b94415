#include <algorithm>
#include <random>
#include <set>

#include "tests/unit/gateway/relay_fixture.hpp"

namespace inkfleet::gateway {
namespace {

using namespace std::chrono_literals;
using namespace proto;

/// Services, editors and connections that do anything in any order: each request still ends exactly once,
/// every started suggestion too, and no counter leaks.
TEST_F(RelayTest, WhateverHappensEveryRequestEndsExactlyOnce) {
  std::mt19937 draw(42);
  const auto below = [&](int n) { return static_cast<int>(draw() % static_cast<unsigned>(n)); };
  std::vector<std::vector<ServerFrame>> answers(2000);
  std::vector<Relay::Ticket> tickets;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    tickets.push_back(start({.id = "x", .n = 1 + below(4), .deadline = 1000ms}, answers[i]));
    auto& service = below(2) ? one : two;
    for (int step = 0; step < 8; ++step) {
      const auto id = fmt::format("r{}", tickets[below(static_cast<int>(tickets.size()))] - below(2));
      switch (below(10)) {
        case 0:
          answer(service, Started{.id = id});
          break;
        case 1:
        case 2:
          answer(service, Delta{.id = id, .index = below(5)});
          break;
        case 3:
        case 4:
          answer(service, Finished{.id = id, .index = below(5)});
          break;
        case 5:
          answer(service, Completed{.id = id});
          break;
        case 6:
          answer(service, Error{.id = id});
          break;
        case 7:
          relay.cancel(tickets[below(static_cast<int>(tickets.size()))]);
          break;
        case 8:
          service.up = !service.up;
          break;
        case 9:
          if (below(20) == 0) relay.on_lost(service, at(1ms));
          break;
      }
    }
  }
  relay.tick(at(1h));
  EXPECT_EQ(relay.live(), 0u);
  EXPECT_EQ(relay.outstanding(one) + relay.outstanding(two), 0u);
  EXPECT_EQ(observer.begun, 2000);
  for (const auto& frames : answers) {
    const auto short_form = brief(frames);
    const auto count = [&](std::string_view what) {
      return std::ranges::count_if(short_form, [&](const auto& f) { return f.starts_with(what); });
    };
    EXPECT_EQ(count("completed") + count("unavailable") + count("deadline") + count("error"), 1);
    std::set<int> finished;
    for (const auto& frame : frames) {
      if (const auto* f = std::get_if<Finished>(&frame)) {
        EXPECT_TRUE(finished.insert(f->index).second);
      }
    }
    EXPECT_TRUE(count("delta") == 0 || count("started") == 1);
  }
}

}  // namespace
}  // namespace inkfleet::gateway
