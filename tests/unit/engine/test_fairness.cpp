#include <algorithm>
#include <random>

#include "tests/unit/engine/fakes.hpp"

namespace inkfleet::engine::testing {
namespace {

using namespace std::chrono_literals;

constexpr int kLongestPrompt = 40;
constexpr int kMostSuggestions = 4;
constexpr int kMostTokens = 30;
constexpr int kLargest = kLongestPrompt + kMostSuggestions * kMostTokens;  // rows of one request

// Clients that ask a scheduler for more than it can do.
class Clients : public Bench {
 public:
  explicit Clients(int max_queue, unsigned seed = 1, int max_sequences = 8)
      : Bench(default_shape(),
              {.max_queue = max_queue, .max_sequences = max_sequences, .prefix_cache = false}),
        random(seed) {}

  int pick(int low, int high) { return std::uniform_int_distribution<>(low, high)(random); }

  RequestKey ask(const std::string& client, int n, int max_tokens, int prompt) {
    const auto key = submit({.prompt = std::string(static_cast<std::size_t>(prompt), 'a'),
                             .client = client,
                             .n = n,
                             .max_tokens = max_tokens,
                             .seed = static_cast<std::uint64_t>(next_key),
                             .deadline = 600s});
    asked[client].push_back(key);
    decode_rows_asked += n * (max_tokens - 1);
    return key;
  }

  RequestKey ask_anything(const std::string& client) {
    return ask(client, pick(1, kMostSuggestions), pick(2, kMostTokens), pick(1, kLongestPrompt));
  }

  bool waits(RequestKey key) const {
    const auto found = transcripts.find(key);
    return found == transcripts.end() || (found->second.started.empty() && !found->second.ended());
  }

  int waiting(const std::string& client) {
    const auto& keys = asked[client];
    return static_cast<int>(std::ranges::count_if(keys, [&](RequestKey key) { return waits(key); }));
  }

  // Computed for a client, as its transcripts tell: the prompt, and a row for each token but the first. Of
  // prompts that are under way nothing is counted.
  int rows(const std::string& client) {
    int rows = 0;
    for (const auto key : asked[client]) {
      const auto& transcript = transcripts[key];
      if (transcript.started.empty() || transcript.suggestions.empty()) continue;
      rows += transcript.started.at(0).prompt_tokens;
      for (const auto& [index, suggestion] : transcript.suggestions) {
        rows += std::max(0, static_cast<int>(suggestion.tokens.size()) - 1);
      }
    }
    return rows;
  }

  std::mt19937 random;
  int decode_rows_asked = 0;
  std::map<std::string, std::vector<RequestKey>> asked;
};

// Break: let FairQueue::next_account go by arrival alone. Who asks for more at a time gets more.
TEST(Fairness, RowsOfClientsThatAlwaysWaitDifferByABoundedAmount) {
  for (unsigned seed = 0; seed < 6; ++seed) {
    Clients bench(1000, seed);
    std::vector<std::string> names;
    for (int i = bench.pick(2, 6); i > 0; --i) names.push_back("client " + std::to_string(i));
    int steps = 0;
    for (; steps < 3000; ++steps) {
      for (const auto& name : names) {
        // The first asks for little at a time but often, the others for what comes.
        const bool modest = name == names.front();
        while (bench.waiting(name) < (modest ? 12 : 2)) {
          modest ? bench.ask(name, 1, 3, 2) : bench.ask_anything(name);
        }
        if (!modest && bench.pick(0, 60) == 0) bench.cancel(bench.asked[name].back());
        if (!modest && bench.pick(0, 60) == 0) bench.cancel(bench.asked[name].front());
      }
      bench.step();
      if (steps % 100 != 0) continue;
      std::vector<int> rows;
      for (const auto& name : names) rows.push_back(bench.rows(name));
      const auto [least, most] = std::ranges::minmax(rows);
      // One request more at most, and what runs: it counts before it is computed.
      ASSERT_LE(most - least, 3 * kLargest) << "seed " << seed << ", step " << steps;
    }
    for (const auto& name : names) EXPECT_GT(bench.rows(name), 10 * kLargest) << "nothing was shown";
  }
}

// What 19 clients get that ask for half more than their share, beside one that asks for `times` its share.
int rows_of_others(int times) {
  Clients bench(64);
  std::vector<std::string> others;
  for (int i = 0; i < 19; ++i) others.push_back("client " + std::to_string(i));
  const auto asks = [&](const std::string& name, int percent) {
    if (bench.pick(0, 99) < percent % 100) percent += 100;
    for (int i = percent / 100; i > 0; --i) bench.ask(name, 2, 20, 6);
  };
  // 8 sequences in a step: two requests take 20 steps, and a share is one request in 100 steps.
  for (int step = 0; step < 8000; ++step) {
    if (step % 20 == 0) {
      asks("flood", 20 * times);
      for (const auto& name : others) asks(name, 30);
    }
    bench.step();
  }
  int rows = 0;
  for (const auto& name : others) rows += bench.rows(name);
  return rows;
}

// Break: give all requests one client's name in FairQueue (client() that returns ""): others lose a third.
TEST(Fairness, AFloodTakesLessThanATenthFromOthers) {
  const int without = rows_of_others(1);
  const int with = rows_of_others(10);
  EXPECT_GT(without, 19 * 500) << "nothing was shown";
  EXPECT_GE(with, 0.9 * without);
  EXPECT_LE(with, 1.1 * without);
}

TEST(Fairness, WhatNobodyElseWantsGoesToWhoeverWaits) {
  Clients bench(64);
  for (int i = 0; i < 8; ++i) bench.ask("only", 1, 20, 2);
  bench.step();
  EXPECT_EQ(bench.started.size(), 8U);
}

// Break: leave out the lift in FairQueue::push. The newcomer then has all places until it has caught up.
TEST(Fairness, WhoComesLateDoesNotCatchUp) {
  Clients bench(1000);
  bench.ask("late", 1, 120, 2);  // and waits for nothing yet
  for (int i = 0; i < 200; ++i) bench.ask("early", 1, 20, 2);
  for (int i = 0; i < 90; ++i) bench.step();
  const int early = bench.rows("early");
  const int late = bench.rows("late");
  for (int i = 0; i < 200; ++i) bench.ask("late", 1, 20, 2);
  for (int i = 0; i < 150; ++i) bench.step();
  const int more_early = bench.rows("early") - early;
  const int more_late = bench.rows("late") - late;
  EXPECT_GE(more_early, 3 * more_late / 4);
  EXPECT_GE(more_late, 3 * more_early / 4);
}

// Break: let FairQueue::push_out always return null.
TEST(FullQueue, TheNewestOfWhoHasTheMostGivesWay) {
  Clients bench(8);
  std::vector<RequestKey> flood;
  for (int i = 0; i < 20; ++i) flood.push_back(bench.ask("flood", 1, 5, 2));
  for (int i = 8; i < 20; ++i) EXPECT_FALSE(bench.waits(flood[static_cast<std::size_t>(i)])) << i;
  std::vector<RequestKey> other;
  for (int i = 0; i < 5; ++i) other.push_back(bench.ask("other", 1, 5, 2));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(bench.waits(other[static_cast<std::size_t>(i)])) << i;
  EXPECT_FALSE(bench.waits(other[4])) << "they have as many by now";
  for (const int i : {7, 6, 5, 4}) {
    const auto& errors = bench.transcripts[flood[static_cast<std::size_t>(i)]].errors;
    ASSERT_EQ(errors.size(), 1U) << i;
    EXPECT_EQ(errors[0].code, proto::ErrorCode::kOverloaded);
    EXPECT_TRUE(errors[0].retry_after.has_value());
  }
  EXPECT_TRUE(bench.waits(flood[3]));
  EXPECT_EQ(bench.scheduler.load().queued, 8);
  bench.run();
}

// Break: number requests by arrival in Scheduler::announce_waiting.
TEST(FullQueue, PositionsAreThoseInWhichRequestsStart) {
  int shown = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    Clients bench(1000, seed, 1);
    bench.ask("0", 1, 30, 5);
    bench.step();
    for (int i = 0; i < 30; ++i) {
      bench.ask(std::to_string(bench.pick(0, 4)), 1, bench.pick(2, 30), bench.pick(1, 20));
    }
    bench.step();  // tells all of them
    bench.run();
    const bool one_ended_early = bench.observer.decode_rows != bench.decode_rows_asked;
    if (one_ended_early) continue;
    ++shown;
    for (std::size_t i = 1; i < bench.started.size(); ++i) {
      const auto& queued = bench.transcripts[bench.started[i]].queued;
      ASSERT_EQ(queued.size(), 1U);
      EXPECT_EQ(queued[0].position, static_cast<int>(i) - 1) << "seed " << seed;
    }
  }
  EXPECT_GT(shown, 10);
}

// Break: let Backlog::share_before return 1, as if everybody's came first.
TEST(Load, ForetellsAClientsOwnTurn) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    Clients bench(1000, seed, 1);  // one row a step, a millisecond each
    bench.ask("0", 1, 30, 1);
    for (int i = 0; i < 20; ++i) bench.step();
    for (int i = 0; i < 60; ++i) bench.ask(std::to_string(bench.pick(0, 3) % 3), 1, bench.pick(10, 30), 1);
    for (int i = 0; i < 200; ++i) bench.step();
    const auto asker = seed % 2 == 0 ? std::string("0") : std::string("new");
    const auto foretold =
        bench.scheduler.load().time_to_complete({.client = asker, .n = 1, .max_tokens = 10});
    const auto asked_at = bench.now;
    const auto key = bench.ask(asker, 1, 10, 1);
    while (!bench.transcripts[key].ended()) bench.step();
    const auto taken = std::chrono::duration_cast<std::chrono::milliseconds>(bench.now - asked_at);
    EXPECT_LE(std::abs((taken - foretold).count()), 3 * kMostTokens) << "seed " << seed;
    EXPECT_TRUE(asker != "new" || foretold <= 100ms) << "the others' requests are not before it";
  }
}

// A resumed request goes first, but who has them always does not have everything.
// Break: let FairQueue's rank() put resumed requests before all others.
TEST(Fairness, WhoCallsEverythingResumedGetsALeadOnce) {
  Clients bench(1000);
  for (int i = 0; i < 900; ++i) bench.ask("honest", 1, 20, 2);
  bench.step();
  for (int i = 0; i < 900; ++i) {
    bench.submit({.prompt = "aa", .client = "clever", .max_tokens = 20, .resume = {{{0, {}}}}});
  }
  for (int i = 0; i < 1500; ++i) bench.step();
  EXPECT_GE(bench.rows("honest"), 2 * (8 * 1500 - FairQueue::kResumedLead) / 5);
}

TEST(Backlog, AFullQueueHasAPlaceForWhoHasLessButNotWithoutEnd) {
  Backlog backlog;
  for (int i = 0; i < 8; ++i) backlog.add("flood", 10);
  EXPECT_TRUE(backlog.has_place("flood", 9, 0));
  EXPECT_FALSE(backlog.has_place("flood", 8, 0));
  EXPECT_TRUE(backlog.has_place("flood", 8, 1)) << "one of its own is about to go";
  EXPECT_TRUE(backlog.has_place("other", 8, 0));
  int taken = 0;
  while (backlog.has_place("client " + std::to_string(taken), 8, 0)) {
    backlog.add("client " + std::to_string(taken++), 10);
  }
  EXPECT_EQ(taken, 8) << "ever new names do not fill the memory";
}

}  // namespace
}  // namespace inkfleet::engine::testing
