#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model-service/engine/backlog.hpp"
#include "model-service/engine/generation.hpp"

namespace inkfleet::engine {

/// Requests that wait, in turns between the clients that asked, in order of arrival within each, resumed ones
/// first.
///
/// Next is a request of the client that has had the least: rows computed for it, and those that what it has
/// running will still compute. So whoever asks more gets no more, in rows and not in requests, and what
/// nobody else wants goes to whoever waits. The counters are those of VTC (Sheng et al., Fairness in Serving
/// Large Language Models, OSDI 2024); counting what runs ahead of its being computed is start-time fair
/// queueing's (Goyal et al., SIGCOMM 1996), without which all free places would go to one client at once. Who
/// begins to wait does not bring along what was left over to others meanwhile: its counter is lifted to the
/// virtual time, which advances with each row by a row's share for each client there is.
///
/// A plain object; one thread.
class FairQueue {
 public:
  /// A resumed request is taken as if its client had had so many rows less: it goes before all others, and
  /// yet nobody gets more by calling requests resumed.
  static constexpr int kResumedLead = 4096;

  using Waiting = std::unique_ptr<Generation>;
  using Running = std::list<Waiting>;

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] int size() const { return size_; }

  void push(Waiting generation);

  /// The request whose turn it is. The queue must not be empty.
  [[nodiscard]] Generation& front() { return *next_account().waiting.front(); }

  /// Takes it out; what it will compute counts from now on.
  Waiting pop_front();

  /// Makes a place for one more request of `client`: takes out the newest request of whoever has the most of
  /// them waiting (of equals, the most rows). Null when nobody would still have at least as many as `client`
  /// then. So a client that has less than its part of the queue always finds a place, however many others
  /// come.
  Waiting push_out(std::string_view client);

  void for_each(const std::function<void(const Generation&)>& see) const;

  /// Takes out those that `leaves` says true of, in order of arrival within a client.
  void erase_if(const std::function<bool(Generation&)>& leaves);

  [[nodiscard]] Generation* find(RequestKey key);

  /// All that wait, in the order in which they would start if nobody came.
  [[nodiscard]] std::vector<Generation*> in_order() const;

  /// Tells what runs now, before turns are given.
  void set_running(const Running& running);

  /// So many rows were computed for a running request.
  void on_computed(const Generation& generation, int rows);

  /// The step whose rows on_computed() told of is over.
  void end_step();

  [[nodiscard]] Backlog backlog() const;

 private:
  struct Account {
    double served = 0.0;   // rows computed
    int running_rows = 0;  // of what runs, still to be computed
    std::deque<Waiting> waiting;

    [[nodiscard]] double turn() const { return served + running_rows; }
    [[nodiscard]] int waiting_rows() const;
  };

  Account& account(std::string_view client);
  Account& next_account();

  std::map<std::string, Account, std::less<>> accounts_;  // by client
  double virtual_time_ = 0.0;
  int step_rows_ = 0;
  int size_ = 0;
  std::uint64_t arrivals_ = 0;
};

}  // namespace inkfleet::engine
