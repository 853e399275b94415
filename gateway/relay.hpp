#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/balancer.hpp"
#include "gateway/callers.hpp"
#include "gateway/prefills.hpp"
#include "gateway/progress.hpp"
#include "gateway/retry_budget.hpp"
#include "gateway/upstream.hpp"
#include "proto/frames.hpp"
#include "proto/limits.hpp"

namespace inkfleet::gateway {

/// By which door a request came.
enum class Door { kProtocol, kLegacy, kOpenAi };

/// Told what happens to requests; for metrics.
class RelayObserver {
 public:
  virtual ~RelayObserver() = default;
  virtual void on_request_begun(const std::string& model, Door door) = 0;
  /// Another service goes on with it; `why` is "lost", "silent" or the name of an error code.
  virtual void on_request_moved(const std::string& model, std::string_view why) = 0;
  virtual void on_first_text(const std::string& model, Clock::duration since_request) = 0;
  /// `outcome` is "completed", "abandoned" or the name of an error code.
  virtual void on_request_ended(const std::string& model, Door door, std::string_view outcome) = 0;
};

/// A request by the name it has at the service that ran it.
struct Served {
  Upstream* upstream = nullptr;
  std::string id;
};

/// One `suggest` for a model, and where its answers go.
struct Order {
  std::string model;
  Door door = Door::kProtocol;
  Caller caller{};
  proto::Suggest suggest;  ///< its document must already be unique among all who ask
  std::string document{};  ///< keeps a text with one service when `suggest` names none
  std::function<void(proto::ServerFrame)> answer;
  std::function<void(Served)> completed = nullptr;  ///< called right before `answer` gets `completed`
};

/// One `prefill` for a model, and where its answer goes.
struct PrefillOrder {
  std::string model;
  proto::Prefill prefill;  ///< its document must already be unique among all who ask
  std::function<void(proto::Prefilled)> answer;
};

/// Carries many askers' requests over one connection a service: names requests anew, picks the service, and
/// sees to it that every request ends exactly once whatever services do: one `completed` or one `error`, and
/// one `finished` for each suggestion of a request that started. A request whose service is lost, fails or
/// falls silent is moved to another one, which goes on after the tokens the asker has; the asker sees one
/// stream. No I/O, no threads; the time is passed in.
class Relay {
 public:
  using Ticket = std::uint64_t;

  /// A service has this long beyond a request's deadline to say so itself.
  static constexpr std::chrono::milliseconds kDeadlineGrace{2'000};
  /// After this time it is worth asking again when the caller has as many requests as it may have.
  static constexpr std::chrono::milliseconds kRetryLimited{500};
  /// After this time it is worth asking again when no service is connected.
  static constexpr std::chrono::milliseconds kRetryUnavailable{1'000};
  /// A request may be moved so often: one that kills what computes it must not walk through the fleet.
  static constexpr int kMoves = 2;
  /// A service whose probe fails and that has said nothing about a request for so long has lost it.
  static constexpr std::chrono::milliseconds kSilence{2'000};
  /// A request waits so long for a service to be connected again when it has lost its own and none is left.
  static constexpr std::chrono::milliseconds kReconnect{2'000};
  /// A prefill that is not answered by then never will be.
  static constexpr std::chrono::seconds kPrefillPatience{60};

  explicit Relay(RelayObserver& observer, std::uint64_t seed = std::random_device{}());

  /// A service of a model comes, with what it can do yet to be seen, or goes for good: what it runs is ended
  /// by its answers or by on_lost(). Upstreams must outlive the relay or be lost first;
  /// one that was removed may go when it is lost and nothing is outstanding.
  void add_upstream(const std::string& model, Upstream& upstream);
  void remove_upstream(const std::string& model, const Upstream& upstream);

  /// A model is served no more, or again. What runs goes on.
  void retire(const std::string& model) { retired_.insert(model); }
  void restore(const std::string& model) { retired_.erase(model); }
  bool retired(const std::string& model) const { return retired_.contains(model); }

  /// A request larger than this is not taken to another service.
  void limit_frames(std::size_t bytes) { service_frame_bytes_ = bytes; }

  /// So many requests a caller may have that have not ended.
  void limit_callers(std::size_t live_requests) { callers_.set_limit(live_requests); }
  bool has_room(const Caller& caller, std::size_t more = 1) const { return callers_.has_room(caller, more); }

  /// The error of a caller that has no room.
  proto::Error too_many() const;

  /// Sends a request to a connected service of its model, the one that Balancer chooses; an unseeded one gets
  /// its seed here, and its `client` is the caller whatever it said. Answers may come before this returns:
  /// `unavailable` when no service is connected, `unknown_model` when the model is retired, `overloaded` when
  /// the caller has too many.
  Ticket start(Order order, Clock::time_point now);

  /// Stops one suggestion or all; the answers still come. A ticket that has ended is ignored, here and below.
  void cancel(Ticket ticket, std::optional<int> index = {});

  /// Stops everything; nobody listens any more.
  void abandon(Ticket ticket);

  /// Says how many tokens of a suggestion were taken, of a running request or of one that has completed.
  void accept(Ticket ticket, int index, int tokens);
  void accept(const Served& served, int index, int tokens);

  /// Has a service warm its cache, the one that a request of this document would go to; nullopt, with the
  /// reason in no_service(), when there is none. The answer comes once or, when anything is in its way, not
  /// at all.
  std::optional<Ticket> prefill(PrefillOrder order, Clock::time_point now);

  /// The error of a request that no service can be given: `unavailable`, or `unknown_model`.
  proto::Error no_service(const std::string& model) const;

  /// Lets no answer of a prefill come any more. The service is not told.
  void drop_prefill(Ticket ticket);

  /// Whether the answer of this prefill may still come.
  bool prefilling(Ticket ticket) const;

  void on_frame(const Upstream& from, proto::ServerFrame frame, Clock::time_point now);

  /// The connection is open.
  void on_connected(const Upstream& upstream, Clock::time_point now);

  /// The connection is gone and with it what the service was asked.
  void on_lost(const Upstream& upstream, Clock::time_point now);

  /// An active probe of the service was answered well, or not, or not in time.
  void on_probe(const Upstream& upstream, bool well);

  /// Ends requests whose service let the deadline and kDeadlineGrace go by or that found none, moves those of
  /// silent services, and gives up prefills after kPrefillPatience. Call every 100 ms or so.
  void tick(Clock::time_point now);

  /// Whether a service of the model is connected.
  bool serves(const std::string& model) const;

  std::size_t live() const { return live_.size(); }

  /// Requests and prefills that wait for this service's answer.
  std::size_t outstanding(const Upstream& upstream) const;

 private:
  struct Parked {
    Clock::time_point since;
    std::string why;     // it left its service
    std::string engine;  // of the service it left
    proto::Error error;  // that it ends with if there is no other
  };
  struct Request {
    Order order;
    std::string id;  // the asker's; order.suggest.id is the one the service sees
    Progress progress;
    Upstream* upstream = nullptr;  // null while parked
    std::optional<Parked> parked;
    Clock::time_point began;
    Clock::time_point last_frame;
    int moves = 0;
    bool tried_elsewhere = false;  // because of `overloaded`
  };
  using Live = std::map<Ticket, Request>;

  using Outcome = Balancer::Outcome;

  static constexpr std::string_view kCompleted = "completed";
  static constexpr std::string_view kAbandoned = "abandoned";

  // Each service that gets a request gets it under another name, so that what an earlier one still says about
  // it is told apart.
  static std::string service_id(Ticket ticket, int attempt);
  static std::string document_of(const Order& order);
  std::optional<proto::Error> refusal(const Order& order, const Upstream* upstream) const;
  Upstream* choose(const std::string& model, std::string document, Clock::time_point now,
                   std::string engine = {});
  std::vector<Ticket> tickets_of(const Upstream& upstream) const;
  Live::iterator find(const Upstream* from, const std::string* id);
  void answer(Request& request, proto::ServerFrame frame);
  void relay(Live::iterator at, proto::Queued frame, Clock::time_point now);
  void relay(Live::iterator at, proto::Started frame, Clock::time_point now);
  void relay(Live::iterator at, proto::Delta frame, Clock::time_point now);
  void relay(Live::iterator at, proto::Finished frame, Clock::time_point now);
  void relay(Live::iterator at, proto::Completed frame, Clock::time_point now);
  void relay(Live::iterator at, proto::Error frame, Clock::time_point now);
  void give(Live::iterator at, Upstream& upstream);
  void leave(Request& request, Outcome outcome, Clock::time_point now);
  void move(Live::iterator at, std::string_view why, Outcome outcome, proto::Error error,
            Clock::time_point now);
  void park(Request& request, std::string_view why, Outcome outcome, proto::Error error,
            Clock::time_point now);
  void go_on(Live::iterator at, Upstream& next, std::string_view why, Clock::time_point now);
  void unpark(Ticket ticket, Clock::time_point now);
  void end_late(Ticket ticket, Clock::time_point now);
  void move_silent(Ticket ticket, Clock::time_point now);
  static void tell_service_to_stop(const Request& request);
  void complete_without_service(Live::iterator at, Clock::time_point now);
  void end(Live::iterator at, proto::ServerFrame last, std::string_view outcome, Outcome service,
           Clock::time_point now);
  void end_with_error(Live::iterator at, proto::Error error, Outcome service, Clock::time_point now);

  RelayObserver& observer_;
  std::mt19937_64 random_;
  std::map<std::string, Balancer> models_;
  std::set<std::string> retired_;
  std::size_t service_frame_bytes_ = proto::limits::kServiceFrameBytes;
  Callers callers_;
  std::map<const Upstream*, proto::Receipt> receipts_;  // the last one of each service
  RetryBudget budget_;
  Prefills prefills_;
  Live live_;
  Ticket last_ticket_ = 0;
};

}  // namespace inkfleet::gateway
