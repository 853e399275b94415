#include "model-service/engine/fair_queue.hpp"

#include <algorithm>
#include <optional>
#include <queue>
#include <tuple>
#include <utility>

namespace inkfleet::engine {
namespace {

// The least is next.
std::pair<double, std::uint64_t> rank(double turn, const Generation& generation) {
  return {turn - (generation.resumed() ? FairQueue::kResumedLead : 0), generation.arrival};
}

}  // namespace

int FairQueue::Account::waiting_rows() const {
  int rows = 0;
  for (const auto& generation : waiting) rows += generation->rows_left();
  return rows;
}

FairQueue::Account& FairQueue::account(std::string_view client) {
  const auto found = accounts_.find(client);
  if (found != accounts_.end()) return found->second;
  return accounts_.emplace(std::string(client), Account{.served = virtual_time_}).first->second;
}

// ---- who comes and goes -----------------------------------------------------------------------------------

void FairQueue::push(Waiting generation) {
  auto& own = account(generation->client());
  if (own.waiting.empty()) own.served = std::max(own.served, virtual_time_);
  generation->arrival = ++arrivals_;
  const auto after = generation->resumed() ? std::find_if(own.waiting.begin(), own.waiting.end(),
                                                          [](const auto& other) { return !other->resumed(); })
                                           : own.waiting.end();
  own.waiting.insert(after, std::move(generation));
  ++size_;
}

FairQueue::Account& FairQueue::next_account() {
  Account* next = nullptr;
  const auto order = [](const Account& account) { return rank(account.turn(), *account.waiting.front()); };
  for (auto& [name, account] : accounts_) {
    if (account.waiting.empty()) continue;
    if (next == nullptr || order(account) < order(*next)) next = &account;
  }
  return *next;
}

FairQueue::Waiting FairQueue::pop_front() {
  std::optional<double> least;
  for (const auto& [name, account] : accounts_) {
    if (!account.waiting.empty()) least = std::min(least.value_or(account.served), account.served);
  }
  virtual_time_ = std::max(virtual_time_, *least);
  auto& next = next_account();
  auto generation = std::move(next.waiting.front());
  next.waiting.pop_front();
  next.running_rows += generation->rows_left();
  --size_;
  return generation;
}

FairQueue::Waiting FairQueue::push_out(std::string_view client) {
  Account* fullest = nullptr;
  const auto fill = [](const Account& account) {
    return std::pair(account.waiting.size(), account.waiting_rows());
  };
  for (auto& [name, account] : accounts_) {
    if (name != client && (fullest == nullptr || fill(account) > fill(*fullest))) fullest = &account;
  }
  const auto own = accounts_.find(client);
  const auto had = own == accounts_.end() ? 0 : own->second.waiting.size();
  if (fullest == nullptr || fullest->waiting.size() <= had + 1) return nullptr;
  auto newest = std::move(fullest->waiting.back());
  fullest->waiting.pop_back();
  --size_;
  return newest;
}

void FairQueue::for_each(const std::function<void(const Generation&)>& see) const {
  for (const auto& [name, account] : accounts_) {
    for (const auto& generation : account.waiting) see(*generation);
  }
}

void FairQueue::erase_if(const std::function<bool(Generation&)>& leaves) {
  for (auto& [name, account] : accounts_) {
    size_ -= static_cast<int>(
        std::erase_if(account.waiting, [&](const Waiting& generation) { return leaves(*generation); }));
  }
}

// ---- who has had how much ---------------------------------------------------------------------------------

void FairQueue::set_running(const Running& running) {
  for (auto& [name, account] : accounts_) account.running_rows = 0;
  for (const auto& generation : running)
    account(generation->client()).running_rows += generation->rows_left();
}

void FairQueue::on_computed(const Generation& generation, int rows) {
  auto& own = account(generation.client());
  own.served += rows;
  own.running_rows = std::max(0, own.running_rows - rows);
  step_rows_ += rows;
}

// While nobody waits, nothing that one has is taken from another: all are even again.
void FairQueue::end_step() {
  int active = 0;
  double most = virtual_time_;
  for (const auto& [name, account] : accounts_) {
    if (account.running_rows > 0 || !account.waiting.empty()) ++active;
    most = std::max(most, account.served);
  }
  const int rows = std::exchange(step_rows_, 0);
  virtual_time_ = size_ == 0 ? most : virtual_time_ + static_cast<double>(rows) / std::max(1, active);
  std::erase_if(accounts_, [&](const auto& entry) {
    const auto& account = entry.second;
    return account.waiting.empty() && account.running_rows == 0 && account.served <= virtual_time_;
  });
}

// ---- what others want to know -----------------------------------------------------------------------------

Generation* FairQueue::find(RequestKey key) {
  for (const auto& [name, account] : accounts_) {
    for (const auto& generation : account.waiting) {
      if (generation->request.key == key) return generation.get();
    }
  }
  return nullptr;
}

std::vector<Generation*> FairQueue::in_order() const {
  struct Turn {
    double turn;
    std::deque<Waiting>::const_iterator at, end;
    bool operator<(const Turn& other) const {  // the last turn is on top
      return rank(turn, **at) > rank(other.turn, **other.at);
    }
  };
  std::priority_queue<Turn> turns;
  for (const auto& [name, account] : accounts_) {
    if (!account.waiting.empty())
      turns.push({account.turn(), account.waiting.begin(), account.waiting.end()});
  }
  std::vector<Generation*> order;
  while (!turns.empty()) {
    auto next = turns.top();
    turns.pop();
    order.push_back(next.at->get());
    next.turn += order.back()->rows_left();
    if (++next.at != next.end) turns.push(next);
  }
  return order;
}

Backlog FairQueue::backlog() const {
  Backlog backlog{.fair_turn = virtual_time_, .waiting = size_};
  for (const auto& [name, account] : accounts_) {
    if (account.running_rows == 0 && account.waiting.empty()) continue;
    backlog.clients.push_back({.name = name,
                               .turn = account.turn(),
                               .waiting = static_cast<int>(account.waiting.size()),
                               .rows = account.waiting_rows()});
  }
  return backlog;
}

}  // namespace inkfleet::engine
