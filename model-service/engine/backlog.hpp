#pragma once

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

  std::vector<Client> clients;  ///< that have something running or waiting
  double fair_turn = 0.0;       ///< of a client that comes anew
  int waiting = 0;              ///< requests in all

  /// One more request waits.
  void add(std::string_view client, int rows);

  /// Whether one more request of this client would be taken, `leaving` of its waiting ones being about to go.
  /// A full queue takes it if somebody else's gives way, but never more than twice the queue.
  [[nodiscard]] bool has_place(std::string_view client, int max_queue, int leaving) const;

  /// The share of all waiting rows that is computed before a request of this client that comes now.
  [[nodiscard]] double share_before(std::string_view client) const;

 private:
  [[nodiscard]] const Client* find(std::string_view client) const;
};

}  // namespace inkfleet::engine
