#include "gateway/balancer.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "tests/unit/gateway/fakes.hpp"

namespace inkfleet::gateway {
namespace {

using namespace std::chrono_literals;
using Outcome = Balancer::Outcome;

class BalancerTest : public testing::Test {
 protected:
  BalancerTest() {
    for (auto* upstream : {&one, &two, &three}) balancer.add(*upstream);
  }

  Upstream* choose(const std::string& document = "", const Upstream* avoid = nullptr) const {
    return balancer.choose({.document = document, .avoid = avoid, .engine = ""}, at(100s));
  }

  FakeUpstream one{"ws://one"}, two{"ws://two"}, three{"ws://three"};
  Balancer balancer;
};

TEST_F(BalancerTest, TakesTheLeastBusyOfThoseConnected) {
  balancer.begin(one);
  EXPECT_EQ(choose(), &two);
  two.up = false;
  EXPECT_EQ(choose(), &three);
  EXPECT_EQ(choose("", &three), &one);
  one.up = three.up = false;
  EXPECT_EQ(choose(), nullptr);
  EXPECT_FALSE(balancer.any_connected());
}

// Deliberate break: leave the service out of score(), and one service has them all.
TEST_F(BalancerTest, ADocumentHasAServiceOfItsOwnAndDocumentsSpread) {
  std::map<Upstream*, int> of;
  for (int i = 0; i < 300; ++i) {
    const auto document = fmt::format("c{}:chapter", i);
    auto* own = choose(document);
    EXPECT_EQ(choose(document), own);
    ++of[own];
  }
  EXPECT_EQ(of.size(), 3u);
  for (const auto& [upstream, documents] : of) EXPECT_GT(documents, 60) << upstream->name();
}

// Deliberate break: hash the number of candidates into score(), and most documents move.
TEST_F(BalancerTest, WhenAServiceGoesOnlyItsDocumentsMove) {
  std::map<std::string, Upstream*> before;
  for (int i = 0; i < 100; ++i) before[fmt::format("d{}", i)] = choose(fmt::format("d{}", i));
  two.up = false;
  for (const auto& [document, own] : before) {
    if (own != &two) {
      EXPECT_EQ(choose(document), own);
    } else {
      EXPECT_NE(choose(document), &two);
    }
  }
}

// Deliberate break: a bound of infinity keeps the document where it is.
TEST_F(BalancerTest, ADocumentSpillsOverWhenItsServiceHasMoreThanItsShare) {
  auto* own = choose("d");
  for (int i = 0; i < 5; ++i) balancer.begin(*own);
  EXPECT_EQ(choose("d"), own) << "5 are within the slack";
  for (int i = 0; i < 10; ++i) balancer.begin(*own);
  EXPECT_NE(choose("d"), own);
  for (auto* upstream : {&one, &two, &three}) {
    if (upstream != own) {
      for (int i = 0; i < 14; ++i) balancer.begin(*upstream);
    }
  }
  EXPECT_EQ(choose("d"), own) << "now the others have as much";
}

// Deliberate break: a failures() of 0, and the service that fails at once has always the least to do.
TEST_F(BalancerTest, AServiceThatFailsFastDrawsNoTraffic) {
  std::map<Upstream*, int> chosen;
  for (int i = 0; i < 400; ++i) {
    const auto now = at(100s) + i * 10ms;
    auto* upstream = balancer.choose({.document = "", .engine = ""}, now);
    ++chosen[upstream];
    balancer.begin(*upstream);
    // `one` fails at once; the others have each request for 40 ms: two a time between them.
    if (upstream == &one) balancer.end(one, Outcome::kFailed, now);
    for (auto* busy : {&two, &three}) {
      if (i % 4 == 0 && balancer.outstanding(*busy) > 0) balancer.end(*busy, Outcome::kServed, now);
    }
  }
  EXPECT_LT(chosen[&one], 40);
  EXPECT_EQ(balancer.choose({.document = "", .engine = ""}, at(1h)), &one) << "it is forgiven";
}

TEST_F(BalancerTest, AServiceThatHasJustComeGetsItsShareStepByStep) {
  balancer.on_connected(one, at(100s));
  for (auto* upstream : {&two, &three}) {
    for (int i = 0; i < 5; ++i) balancer.begin(*upstream);
  }
  EXPECT_EQ(choose(), &one) << "an idle one gets the first";
  balancer.begin(one);
  EXPECT_NE(choose(), &one) << "one of its requests weighs ten at first";
  const auto later = at(100s) + Balancer::kSlowStart;
  EXPECT_EQ(balancer.choose({.document = "", .engine = ""}, later), &one);
}

TEST_F(BalancerTest, AServiceWhoseProbeFailsGetsNothingWhileAnotherAnswers) {
  balancer.on_probe(one, false);
  balancer.on_probe(two, false);
  for (int i = 0; i < 100; ++i) balancer.begin(three);
  EXPECT_EQ(choose(), &three);
  EXPECT_TRUE(balancer.probe_fails(one));
  balancer.on_probe(one, true);
  EXPECT_EQ(choose(), &one);
  balancer.on_probe(one, false);
  balancer.on_probe(three, false);
  EXPECT_EQ(choose(), &one) << "all fail: better one of them than none";
}

TEST_F(BalancerTest, PrefersAnEqualEngine) {
  balancer.learn_engine(one, "int8");
  balancer.learn_engine(three, "int8");
  EXPECT_EQ(balancer.choose({.document = "", .avoid = &one, .engine = "int8"}, at(1s)), &three);
  three.up = false;
  EXPECT_EQ(balancer.choose({.document = "", .avoid = &one, .engine = "int8"}, at(1s)), &two);
}

TEST_F(BalancerTest, WhatIsRemovedIsCountedUntilItsLastRequestEnds) {
  balancer.begin(one);
  balancer.begin(one);
  balancer.remove(one);
  EXPECT_NE(choose(), &one);
  EXPECT_EQ(balancer.outstanding(), 2U);
  balancer.end(one, Outcome::kServed, at(1s));
  balancer.end(one, Outcome::kServed, at(1s));
  EXPECT_EQ(balancer.outstanding(), 0U);
  balancer.end(one, Outcome::kServed, at(1s));
  balancer.add(one);
  EXPECT_EQ(choose(), &two) << "it has come anew, as the last";
}

// A million random events against a plain model: the sum of the counters is the number of live requests, none
// is ever below zero, and nothing is chosen that must not be.
TEST_F(BalancerTest, CountersNeverLeak) {
  std::mt19937 random(5);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  std::vector<FakeUpstream*> all{&one, &two, &three};
  std::set<const Upstream*> removed;
  std::multiset<const Upstream*> live;
  auto now = at(1s);
  for (int event = 0; event < 1'000'000; ++event) {
    now += 1ms;
    auto& some = *all[static_cast<std::size_t>(below(3))];
    switch (below(8)) {
      case 0:
      case 1:
      case 2:
        if (auto* chosen = balancer.choose({.document = below(2) ? fmt::format("d{}", below(50)) : "",
                                            .avoid = below(4) ? nullptr : &some,
                                            .engine = ""},
                                           now)) {
          ASSERT_TRUE(chosen->connected());
          ASSERT_FALSE(removed.contains(chosen));
          balancer.begin(*chosen);
          live.insert(chosen);
        }
        break;
      case 3:
      case 4:
      case 5:
        if (!live.empty()) {
          const auto at =
              std::next(live.begin(), below(static_cast<int>(std::min<std::size_t>(live.size(), 8))));
          balancer.end(**at, static_cast<Outcome>(below(3)), now);
          live.erase(at);
        }
        break;
      case 6:
        some.up = !some.up;
        if (some.up) balancer.on_connected(some, now);
        balancer.on_probe(some, below(3) > 0);
        break;
      case 7:
        if (below(50)) break;
        if (removed.erase(&some) == 1) {
          balancer.add(some);
        } else {
          removed.insert(&some);
          balancer.remove(some);
        }
        break;
    }
    ASSERT_EQ(balancer.outstanding(), live.size());
    for (const auto* upstream : all) ASSERT_EQ(balancer.outstanding(*upstream), live.count(upstream));
  }
}

}  // namespace
}  // namespace inkfleet::gateway
