#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gateway/upstream.hpp"

namespace inkfleet::gateway {

using Clock = std::chrono::steady_clock;

/// Picks services for one model's requests and keeps the count of what each has to do. No I/O, no threads;
/// the time is passed in.
///
/// - Sticky: a document goes to the service that rendezvous hashing (Thaler and Ravishankar 1998) gives it,
///   whose cache knows its text, as long as that one has no more than its bounded share of the load (Mirrokni
///   et al. 2016); everything else, and what spills over, to the one with the least to do.
/// - A service that fails fast looks idle and would draw everything to it; so each failure counts as work it
///   still has, which fades.
/// - A service that has just come gets its share step by step.
/// - A service whose probe fails gets nothing while another answers.
class Balancer {
 public:
  /// A service may have so many times the mean load before documents spill over.
  static constexpr double kBound = 1.25;
  /// Beside the bound, so that single requests of a quiet fleet do not spill.
  static constexpr double kSlack = 4.0;
  /// One failure weighs as much as so many requests, and half as much after each kFailureHalfLife.
  static constexpr double kFailureWeight = 16.0;
  static constexpr std::chrono::seconds kFailureHalfLife{5};
  /// Until it is connected for so long, a service's requests weigh more: ten times at first.
  static constexpr std::chrono::seconds kSlowStart{10};
  static constexpr double kSlowestStart = 0.1;

  enum class Outcome {
    kServed,   ///< an answer, whatever it was
    kFailed,   ///< the service's fault: lost, `internal`, `unavailable`, silent
    kNeutral,  ///< nobody's: refused for overload, no longer wanted
  };

  void add(Upstream& upstream);

  /// It is chosen no more. It may have requests still.
  void remove(const Upstream& upstream);

  /// The connection is open; slow start begins.
  void on_connected(const Upstream& upstream, Clock::time_point now);

  /// The answer of an active probe, or that there was none in time.
  void on_probe(const Upstream& upstream, bool well);

  struct Wish {
    std::string document;             ///< empty: none
    const Upstream* avoid = nullptr;  ///< has just failed this request
    std::string engine;               ///< prefer a service with this engine, if any is known to have it
  };

  /// A connected service; null when there is none.
  Upstream* choose(const Wish& wish, Clock::time_point now) const;

  /// One more request, one less. What is removed meanwhile is still counted until its last request ends.
  void begin(const Upstream& upstream);
  void end(const Upstream& upstream, Outcome outcome, Clock::time_point now);

  /// What this service computes with, as its receipts say.
  void learn_engine(const Upstream& upstream, std::string engine);
  [[nodiscard]] std::string engine_of(const Upstream& upstream) const;

  [[nodiscard]] bool any_connected() const;
  [[nodiscard]] bool probe_fails(const Upstream& upstream) const;
  [[nodiscard]] std::size_t outstanding(const Upstream& upstream) const;

  /// Requests of all services: the sum of outstanding().
  [[nodiscard]] std::size_t outstanding() const;

 private:
  struct State {
    Upstream* upstream = nullptr;
    std::size_t order = 0;  // of being added: the earlier one wins a tie
    std::size_t outstanding = 0;
    double failures = 0;  // weight at failed_at
    Clock::time_point failed_at;
    std::optional<Clock::time_point> connected_at;
    bool probe_fails = false;
    bool removed = false;
    std::string engine;
  };

  struct Candidate {
    const State* state;
    double load;
  };

  [[nodiscard]] std::vector<Candidate> candidates(const Wish& wish, Clock::time_point now) const;
  static double failures(const State& state, Clock::time_point now);
  static double load(const State& state, Clock::time_point now);

  std::map<const Upstream*, State> states_;
  std::size_t added_ = 0;
};

}  // namespace inkfleet::gateway
