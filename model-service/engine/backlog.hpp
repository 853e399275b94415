#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace inkfleet::engine {

/// What an engine has to do, as one who thinks of asking for more sees it: a copy, readable on any thread.
/// Rows are upper bounds: what a request computes if nothing ends it early.
struct Backlog {
  struct Client {
    std::string name;
    double turn = 0.0;  ///< rows had, those of what runs included: who has the least is next
    int waiting = 0;    ///< requests
    int rows = 0;       ///< of the waiting requests
  };

  std::vector<Client> clients;   ///< that have something running or waiting
  double fair_turn = 0.0;        ///< of a client that comes anew
  int waiting = 0;               ///< requests in all
  int running_rows = 0;          ///< still to be computed for what runs
  double rows_per_second = 0.0;  ///< of late; 0: not known yet

  /// One more request waits.
  void add(std::string_view client, int rows);

  /// Whether one more request of this client would be taken, `leaving` of its waiting ones being about to go.
  /// A full queue takes it if somebody else's gives way, but never more than twice the queue.
  [[nodiscard]] bool has_place(std::string_view client, int max_queue, int leaving) const;

  /// How long a request of this client would wait for its turn. 0 when nothing waits.
  [[nodiscard]] std::chrono::milliseconds expected_wait(std::string_view client) const;

 private:
  [[nodiscard]] const Client* find(std::string_view client) const;
};

}  // namespace inkfleet::engine
