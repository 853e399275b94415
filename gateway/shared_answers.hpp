#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gateway/legacy_request.hpp"
#include "gateway/relay.hpp"

namespace inkfleet::gateway {

/// What the models have written for one request of an existing editor so far.
struct LegacyAnswer {
  enum class State { kRunning, kCompleted, kFailed };

  State state = State::kRunning;
  std::vector<std::string> raw;  ///< as the model writes it, by suggestion
  std::vector<bool> ended;       ///< by suggestion: nothing more comes
};

/// Computes equal requests once: those that run at the same time share one computation, and one that has
/// completed is answered from memory for a while. Requests are equal when prompt, model, parameters and owner
/// are; they are kept by the SHA-256 of these, not by their text. One thread; the time is passed in.
class SharedAnswers {
 public:
  static constexpr std::size_t kCacheBytes = std::size_t{16} << 20U;  ///< of completed answers
  static constexpr std::chrono::seconds kCacheAge{60};

  /// Hears of an answer that has changed; the last time when it runs no more. May be called from within
  /// ask().
  using Listener = std::function<void(const LegacyAnswer&)>;
  /// One who asked and has not left.
  using Ticket = std::uint64_t;

  explicit SharedAnswers(Relay& relay) : relay_(relay) {}

  /// Nothing is shared between owners of callers; the caller of what is shared is who asked first. `document`
  /// keeps a text with one service. Whoever joins a running answer hears at once what there is. The ticket is
  /// 0 when all has been said already.
  Ticket ask(const LegacyRequest& request, const Caller& caller, const std::string& document,
             Listener listener, Clock::time_point now);

  /// This one hears no more. The last one to leave stops the computation. Others' tickets and 0 are ignored.
  void leave(Ticket ticket);

  [[nodiscard]] std::size_t running() const { return running_.size(); }
  [[nodiscard]] std::size_t cached_bytes() const { return cached_bytes_; }

 private:
  using Key = std::array<unsigned char, 32>;

  struct Running {
    LegacyAnswer answer;
    bool whole = true;  ///< no suggestion was cut short
    Relay::Ticket ticket = 0;
    std::map<Ticket, Listener> listeners;
  };
  struct Cached {
    Key key;
    LegacyAnswer answer;
    Clock::time_point since;  ///< it was asked
    std::size_t bytes = 0;
  };

  static Key key_of(const LegacyRequest& request, const std::string& owner);
  const LegacyAnswer* cached(const Key& key, Clock::time_point now);
  void start(const Key& key, const LegacyRequest& request, const Caller& caller, const std::string& document,
             Clock::time_point now);
  void on_frame(const Key& key, const proto::ServerFrame& frame, Clock::time_point now);
  void tell(const Key& key);
  void end(const Key& key, LegacyAnswer::State state, Clock::time_point now);
  void keep(const Key& key, const LegacyAnswer& answer, Clock::time_point now);
  void drop(std::list<Cached>::iterator at);

  Relay& relay_;
  std::map<Key, std::shared_ptr<Running>> running_;
  std::map<Ticket, Key> asked_;
  std::list<Cached> recent_;  // newest first
  std::map<Key, std::list<Cached>::iterator> by_key_;
  std::size_t cached_bytes_ = 0;
  Ticket last_ticket_ = 0;
};

}  // namespace inkfleet::gateway
