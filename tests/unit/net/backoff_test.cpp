#include "net/backoff.hpp"

#include <gtest/gtest.h>

#include <set>

namespace inkfleet::net {
namespace {

using namespace std::chrono_literals;

TEST(Backoff, GrowsToItsBoundAndStartsAgain) {
  Backoff backoff({.first = 100ms, .longest = 1000ms}, 1);
  for (const auto longest : {100ms, 200ms, 400ms, 800ms, 1000ms, 1000ms}) {
    const auto pause = backoff.pause();
    EXPECT_GE(pause, longest / 2);
    EXPECT_LE(pause, longest);
  }
  backoff.reset();
  EXPECT_LE(backoff.pause(), 100ms);
}

TEST(Backoff, ClientsSpreadOut) {
  std::set<std::chrono::milliseconds> first_pauses;
  for (unsigned seed = 1; seed <= 50; ++seed)
    first_pauses.insert(Backoff({.first = 1000ms}, seed * 7919).pause());
  EXPECT_GT(first_pauses.size(), 20u);
}

}  // namespace
}  // namespace inkfleet::net
