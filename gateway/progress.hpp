#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "proto/frames.hpp"

namespace inkfleet::gateway {

/// What an asker has of one request: enough for another service to go on with it, so that nobody notices.
/// Decides which frames the asker gets to see. Pure.
class Progress {
 public:
  explicit Progress(const proto::Suggest& suggest);

  // Each takes a frame of the service at work and tells whether the asker is to have it. A frame that the
  // contract does not allow there, or that an earlier service has sent already, is not for the asker.
  bool take(const proto::Queued& frame) const;
  bool take(const proto::Started& frame);
  bool take(const proto::Delta& frame);
  bool take(const proto::Finished& frame);

  /// The asker wants no more of one suggestion, or of any.
  void cancel(std::optional<int> index);

  /// The request for the next service: what is still open, after the tokens the asker has; as it came when
  /// nothing had begun, for `resume` would let it go before others.
  [[nodiscard]] proto::Suggest rest(const proto::Suggest& suggest, std::chrono::milliseconds time_left) const;

  /// The cancels that the next service must be told too.
  [[nodiscard]] std::vector<proto::Cancel> cancels(const std::string& id) const;

  /// Another service goes on from here.
  void move();

  /// What all services together have used; `last` is the last one's own account.
  [[nodiscard]] proto::Usage usage(const proto::Usage& last) const;

  [[nodiscard]] bool started() const { return started_.has_value(); }
  [[nodiscard]] bool has_text() const { return tokens_now() > tokens_at_start_; }
  [[nodiscard]] std::vector<int> open() const;

 private:
  struct Suggestion {
    std::vector<proto::TokenId> tokens;
    bool finished = false;
  };

  [[nodiscard]] std::size_t tokens_now() const;

  std::map<int, Suggestion> suggestions_;
  std::set<int> cancelled_;
  bool all_cancelled_ = false;
  std::optional<proto::Started> started_;
  std::size_t tokens_at_start_ = 0;  // that the asker brought along
  std::size_t tokens_at_move_ = 0;   // that it had when the service at work began
};

}  // namespace inkfleet::gateway
