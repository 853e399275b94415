#include "model-service/engine/backlog.hpp"

#include <algorithm>

namespace inkfleet::engine {

const Backlog::Client* Backlog::find(std::string_view client) const {
  const auto found = std::ranges::find(clients, client, &Client::name);
  return found == clients.end() ? nullptr : &*found;
}

void Backlog::add(std::string_view client, int rows) {
  auto found = std::ranges::find(clients, client, &Client::name);
  if (found == clients.end()) {
    found = clients.insert(clients.end(), {.name = std::string(client), .turn = fair_turn});
  }
  ++found->waiting;
  found->rows += rows;
  ++waiting;
}

bool Backlog::has_place(std::string_view client, int max_queue, int leaving) const {
  if (waiting - leaving < max_queue) return true;
  const auto* own = find(client);
  const int had = (own != nullptr ? own->waiting : 0) - leaving;
  const bool somebody_has_more = std::ranges::any_of(
      clients, [&](const Client& other) { return &other != own && other.waiting > had + 1; });
  return somebody_has_more && waiting - leaving < 2 * max_queue;
}

// Before it come the client's own waiting requests, and of each other client so much as is due to it until
// these have had their turn.
double Backlog::share_before(std::string_view client) const {
  const auto* own = find(client);
  double turn = fair_turn;
  double before = 0.0;
  if (own != nullptr) {
    turn = (own->waiting > 0 ? own->turn : std::max(own->turn, fair_turn)) + own->rows;
    before = own->rows;
  }
  double all = before;
  for (const auto& other : clients) {
    if (&other == own) continue;
    before += std::clamp(turn - other.turn, 0.0, static_cast<double>(other.rows));
    all += other.rows;
  }
  return all > 0.0 ? before / all : 0.0;
}

}  // namespace inkfleet::engine
