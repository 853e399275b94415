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

#include "gateway/affinity.hpp"
#include "gateway/prefills.hpp"
#include "gateway/upstream.hpp"
#include "proto/frames.hpp"

namespace inkfleet::gateway {

using Clock = std::chrono::steady_clock;

/// By which door a request came.
enum class Door { kProtocol, kLegacy };

/// Told what happens to requests; for metrics.
class RelayObserver {
 public:
  virtual ~RelayObserver() = default;
  virtual void on_request_begun(const std::string& model, Door door) = 0;
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
  proto::Suggest suggest;  ///< its document must already be unique among all who ask
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
/// one `finished` for each suggestion of a request that started. No I/O, no threads; the time is passed in.
class Relay {
 public:
  using Ticket = std::uint64_t;

  /// A service has this long beyond a request's deadline to say so itself.
  static constexpr std::chrono::milliseconds kDeadlineGrace{2'000};
  /// After this time it is worth asking again when no service is connected.
  static constexpr std::chrono::milliseconds kRetryUnavailable{1'000};
  /// A prefill that is not answered by then never will be.
  static constexpr std::chrono::seconds kPrefillPatience{60};

  explicit Relay(RelayObserver& observer, std::uint64_t seed = std::random_device{}());

  /// Before the first request. The upstreams must outlive the relay.
  void add_model(const std::string& model, std::vector<Upstream*> upstreams);

  /// Sends a request to a connected service of its model, the one that Affinity chooses; an unseeded one gets
  /// its seed here. Answers may come before this returns: `unavailable` when no service is connected.
  Ticket start(Order order, Clock::time_point now);

  /// Stops one suggestion or all; the answers still come. A ticket that has ended is ignored, here and below.
  void cancel(Ticket ticket, std::optional<int> index = {});

  /// Stops everything; nobody listens any more.
  void abandon(Ticket ticket);

  /// Says how many tokens of a suggestion were taken, of a running request or of one that has completed.
  void accept(Ticket ticket, int index, int tokens);
  void accept(const Served& served, int index, int tokens);

  /// Has a service warm its cache, the one that a request of this document would go to; nullopt when none is
  /// connected. The answer comes once or, when anything is in its way, not at all.
  std::optional<Ticket> prefill(PrefillOrder order, Clock::time_point now);

  /// Lets no answer of a prefill come any more. The service is not told.
  void drop_prefill(Ticket ticket);

  /// Whether the answer of this prefill may still come.
  bool prefilling(Ticket ticket) const;

  void on_frame(const Upstream& from, proto::ServerFrame frame, Clock::time_point now);

  /// The connection is gone and with it what the service was asked.
  void on_lost(const Upstream& upstream);

  /// Ends requests whose service let the deadline and kDeadlineGrace go by, and gives up prefills after
  /// kPrefillPatience. Call every 100 ms or so.
  void tick(Clock::time_point now);

  /// Whether a service of the model is connected.
  bool serves(const std::string& model) const;

  std::size_t live() const { return live_.size(); }

  /// Requests and prefills that wait for this service's answer.
  std::size_t outstanding(const Upstream& upstream) const;

 private:
  struct Request {
    Order order;
    std::string id;  // the asker's; order.suggest.id is the one the service sees
    Upstream* upstream = nullptr;
    Clock::time_point began;
    std::set<int> open;  // suggestions without their `finished`
    bool started = false;
    bool has_text = false;
  };
  using Live = std::map<Ticket, Request>;

  std::vector<Affinity::Candidate> connected(const std::string& model) const;
  Live::iterator find(const Upstream& from, const std::string* id);
  void answer(Request& request, proto::ServerFrame frame);
  void relay(Live::iterator at, proto::Queued frame);
  void relay(Live::iterator at, proto::Started frame);
  void relay(Live::iterator at, proto::Delta frame, Clock::time_point now);
  void relay(Live::iterator at, proto::Finished frame);
  void relay(Live::iterator at, proto::Completed frame);
  void relay(Live::iterator at, proto::Error frame);
  void end(Live::iterator at, proto::ServerFrame last, std::string_view outcome);
  void end_with_error(Live::iterator at, proto::ErrorCode code, std::string message,
                      std::optional<std::chrono::milliseconds> retry_after = {});

  RelayObserver& observer_;
  std::mt19937_64 random_;
  std::map<std::string, std::vector<Upstream*>> models_;
  std::map<const Upstream*, std::size_t> outstanding_;  // requests
  Affinity affinity_;
  Prefills prefills_;
  Live live_;
  Ticket last_ticket_ = 0;
};

}  // namespace inkfleet::gateway
