#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "gateway/relay.hpp"
#include "tests/unit/gateway/fakes.hpp"

/// The routing counters against a plain account of the same events.
namespace inkfleet::gateway {
namespace {

using namespace std::chrono_literals;
using namespace proto;

/// What the test knows of each request, from what services were sent and askers got; nothing from the relay.
class Account {
 public:
  struct Request {
    const Upstream* at = nullptr;  // null: it waits for a service to be connected again
    std::string id;                // at the service
    Relay::Ticket ticket = 0;
    bool listening = true;
  };
  struct Waiting {
    const Upstream* at;
    Clock::time_point since;
  };

  void place(int number, const Upstream& service, const std::string& id) {
    auto& request = requests.at(number);
    request.at = &service;
    request.id = id;
    number_of[id] = number;
    newest = number;
  }
  void end(int number) { ends_twice += requests.erase(number) == 0; }

  /// Requests nobody listens to end without a word, wherever the others would go on.
  void end_unheard(const Upstream& service, const std::string& id) {
    const auto found = number_of.find(id);
    const auto request = found == number_of.end() ? requests.end() : requests.find(found->second);
    if (request == requests.end() || request->second.listening) return;
    if (request->second.at == &service && request->second.id == id) requests.erase(request);
  }

  /// A service does not have a request any more; another one may be given it at once.
  void set_aside(const Upstream& service, const std::string& id) {
    const auto found = number_of.find(id);
    const auto request = found == number_of.end() ? requests.end() : requests.find(found->second);
    if (request == requests.end() || request->second.at != &service || request->second.id != id) return;
    request->second.at = nullptr;
  }
  /// What is cancelled then was cancelled before it was moved.
  bool just_placed(const std::string& id) const { return number_of.at(id) == newest; }
  void set_aside_all(const Upstream& service) {
    for (auto& [number, request] : requests) {
      if (request.at == &service) set_aside(service, request.id);
    }
  }

  void forget_the_past() {
    std::erase_if(number_of, [this](const auto& entry) { return !requests.contains(entry.second); });
  }

  std::map<int, Request> requests;       // those that have not ended
  std::map<std::string, int> number_of;  // by every id a service was given
  std::map<std::string, Waiting> prefills;
  int newest = 0;  // that a service was given
  int ends_twice = 0;
  int waiting = 0;  // for a service, summed over all events
  bool ticking = false;
};

/// A service that does nothing but note what it is sent.
class NotingService : public Upstream {
 public:
  NotingService(std::string name, Account& account) : name_(std::move(name)), account_(account) {}

  bool connected() const override { return up; }
  const std::string& name() const override { return name_; }
  void send(const ClientFrame& frame) override {
    if (const auto* suggest = std::get_if<Suggest>(&frame)) {
      account_.place(std::stoi(suggest->prompt), *this, suggest->id);
    } else if (const auto* prefill = std::get_if<Prefill>(&frame)) {
      account_.prefills[*prefill->id] = {this, now};
    } else if (const auto* cancel = std::get_if<Cancel>(&frame); cancel && account_.ticking) {
      account_.end_unheard(*this, cancel->id);  // given up: late or silent
      if (!account_.just_placed(cancel->id)) account_.set_aside(*this, cancel->id);
    }
  }

  bool up = true;
  bool removed = false;
  Clock::time_point now;

 private:
  std::string name_;
  Account& account_;
};

class Counters : public testing::Test {
 protected:
  static constexpr std::array kModels{"m", "other"};

  Counters() {
    for (auto& service : services) add(service);
  }

  int below(int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); }
  template <class Map>
  auto any(Map& map) {
    return std::next(map.begin(), below(static_cast<int>(std::min<std::size_t>(map.size(), 16))));
  }
  std::string model_of(const NotingService& service) const {
    return kModels[&service == &services.back() ? 1 : 0];
  }
  void add(NotingService& service) { relay.add_upstream(model_of(service), service); }
  std::string some_document() { return std::to_string(below(50)); }

  void start() {
    const int number = ++last;
    account.requests[number];
    Suggest suggest{.id = "mine", .prompt = std::to_string(number), .n = 1 + below(3), .max_tokens = 4};
    if (below(2) == 0) suggest.document = some_document();
    if (below(3) == 0) suggest.deadline = 100ms;
    const auto answer = [this, number](const ServerFrame& frame) {
      if (!std::holds_alternative<Completed>(frame) && !std::holds_alternative<Error>(frame)) return;
      account.end(number);
      if (below(20) == 0) start();  // whoever has an answer may ask again at once
    };
    const auto ticket =
        relay.start({.model = kModels[below(8) == 0], .suggest = suggest, .answer = answer}, now);
    if (const auto at = account.requests.find(number); at != account.requests.end())
      at->second.ticket = ticket;
  }

  void prefill() {
    for (auto& service : services) service.now = now;
    relay.prefill({.model = "m",
                   .prefill = {.document = some_document(), .prompt = "p"},
                   .answer = [](const Prefilled&) {}},
                  now);
  }

  /// A service says something about one of its requests; now and then one that has it no more.
  void answer() {
    if (account.number_of.empty() || account.requests.empty()) return;
    const auto at = any(account.requests);
    auto [service, id] = std::pair(at->second.at, at->second.id);
    if (!service || below(10) == 0) service = &services[static_cast<std::size_t>(below(3))];
    if (below(10) == 0) id = any(account.number_of)->first;
    say(*service, id);
  }

  void say(const Upstream& service, const std::string& id) {
    constexpr std::array kCodes{ErrorCode::kInternal, ErrorCode::kUnavailable, ErrorCode::kOverloaded,
                                ErrorCode::kBadRequest, ErrorCode::kDeadline};
    switch (below(8)) {
      case 0:
        return relay.on_frame(service, Queued{.id = id, .position = 1}, now);
      case 1:
      case 2:
        return relay.on_frame(service, Started{.id = id}, now);
      case 3:
        return relay.on_frame(
            service, Delta{.id = id, .index = below(3), .offset = 0, .text = "t", .tokens = {1}}, now);
      case 4:
        return relay.on_frame(service, Finished{.id = id, .index = below(3)}, now);
      case 5:
        relay.on_frame(service, Finished{.id = id, .reason = FinishReason::kFailed}, now);
        break;
      case 6:
        relay.on_frame(service, Completed{.id = id, .receipt = {.engine = {.dtype = "int8"}}}, now);
        break;
      case 7:
        relay.on_frame(service, Error{.code = kCodes[static_cast<std::size_t>(below(5))], .id = id}, now);
        break;
    }
    account.end_unheard(service, id);
    account.set_aside(service, id);
  }

  void answer_prefill() {
    if (account.prefills.empty()) return;
    const auto at = any(account.prefills);
    relay.on_frame(*at->second.at, Prefilled{.id = at->first}, now);
    account.prefills.erase(at);
  }

  void change_mind() {
    if (account.requests.empty()) return;
    const auto at = any(account.requests);
    auto& request = at->second;
    if (below(2) == 0) return relay.cancel(request.ticket, below(2) ? std::optional(below(3)) : std::nullopt);
    relay.abandon(request.ticket);
    request.listening = false;
    if (!request.at) account.requests.erase(at);
  }

  void lose(NotingService& service) {
    service.up = false;
    std::erase_if(account.prefills, [&](const auto& entry) { return entry.second.at == &service; });
    std::erase_if(account.requests,
                  [&](const auto& entry) { return !entry.second.listening && entry.second.at == &service; });
    relay.on_lost(service, now);
    account.set_aside_all(service);
  }

  void connection(NotingService& service) {
    if (service.up) return lose(service);
    service.up = true;
    relay.on_connected(service, now);
  }

  void membership(NotingService& service) {
    service.removed = !service.removed;
    service.removed ? relay.remove_upstream(model_of(service), service) : add(service);
    relay.retired("other") ? relay.restore("other") : relay.retire("other");
  }

  void tick() {
    account.ticking = true;
    account.newest = 0;
    std::erase_if(account.prefills,
                  [&](const auto& entry) { return entry.second.since <= now - Relay::kPrefillPatience; });
    relay.tick(now);
    account.ticking = false;
  }

  void event() {
    auto& service = services[static_cast<std::size_t>(below(4))];
    const int kind = below(account.requests.size() < 100 ? 1000 : 700);
    if (kind < 500) return answer();
    if (kind < 560) return change_mind();
    if (kind < 600) return prefill();
    if (kind < 640) return answer_prefill();
    if (kind < 660) return relay.on_probe(service, below(3) > 0);
    if (kind < 690) return tick();
    if (kind < 698) return connection(service);
    if (kind < 700) return membership(service);
    start();
  }

  void check() {
    std::map<const Upstream*, std::size_t> expected;
    for (const auto& [number, request] : account.requests) ++expected[request.at];
    for (const auto& [id, prefill] : account.prefills) ++expected[prefill.at];
    std::size_t sum = expected[nullptr];
    account.waiting += static_cast<int>(sum);
    for (const auto& service : services) {
      ASSERT_EQ(relay.outstanding(service), expected[&service]) << service.name();
      sum += relay.outstanding(service);
    }
    ASSERT_EQ(relay.live(), account.requests.size());
    ASSERT_EQ(sum, relay.live() + account.prefills.size());
    ASSERT_EQ(account.ends_twice, 0);
  }

  std::mt19937 random{7};
  Clock::time_point now = at(1s);
  int last = 0;
  Account account;
  std::array<NotingService, 4> services{
      {{"ws://one", account}, {"ws://two", account}, {"ws://three", account}, {"ws://other", account}}};
  CountingObserver observer;
  Relay relay{observer, 1};
};

// A million random events: after each, every service's counter is the number of requests it has and prefills
// it has not answered, and their sum and what waits for a service is what is live. Deliberate breaks: a
// move() without leave(), an on_lost() that keeps prefills, a leave() that keeps the service.
TEST_F(Counters, AreExactAfterAMillionRandomEvents) {
  for (int i = 0; i < 1'000'000; ++i) {
    now += std::chrono::milliseconds(below(8));
    event();
    check();
    if (HasFatalFailure()) FAIL() << "event " << i;
    if (account.number_of.size() > 400) account.forget_the_past();
  }
  for (const char* why : {"lost", "silent", "failed", "internal", "overloaded"})
    EXPECT_GT(observer.moves[why], 100) << why;
  EXPECT_GT(account.waiting, 1000);
  for (const char* outcome :
       {"completed", "abandoned", "deadline", "unavailable", "bad_request", "unknown_model"}) {
    EXPECT_GT(observer.outcomes[outcome], 100) << outcome;
  }
}

}  // namespace
}  // namespace inkfleet::gateway
