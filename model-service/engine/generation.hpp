#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "model-service/engine/block_pool.hpp"
#include "model-service/engine/draw.hpp"
#include "model-service/engine/recent_steps.hpp"
#include "model-service/engine/request.hpp"
#include "model-service/engine/text_stream.hpp"

namespace inkfleet::engine {

/// Tokens on their way through the model, and the cache blocks that remember those already through.
struct Sequence {
  std::vector<TokenId> pending;  ///< to be fed next
  int position = 0;              ///< of pending[0]; all before it is in the cache
  BlockTable blocks;

  explicit Sequence(BlockTable table) : blocks(std::move(table)) {}
};

/// One suggestion of a live request.
struct Suggestion {
  enum class State {
    kWaiting,  ///< for the prompt, or for cache blocks
    kRunning,
    kFinished,
  };

  int index = 0;
  State state = State::kWaiting;
  TextStream text;
  std::vector<TokenId> tokens;  ///< generated, resumed ones included
  Sequence sequence;            ///< after the prompt
  bool fresh = true;            ///< nothing was resumed
  std::size_t spelled = 0;      ///< bytes of Request::spell_again that `tokens` cover
  TimePoint last_token;
  RecentSteps steps;  ///< its own, and its prompt's

  /// Tokens generated so far: the position of the next one.
  [[nodiscard]] int generated() const { return static_cast<int>(tokens.size()); }
  /// Its first token comes from the prompt's own logits: nothing was resumed.
  [[nodiscard]] bool begins_with_prompt() const { return state == State::kWaiting && fresh; }
};

/// A request from admission to its end. The prompt is fed once, by a sequence of its own; then every
/// suggestion continues from the prompt's cache blocks: whole ones are shared; the last, partly filled one
/// the first suggestion goes on filling, and the others have copies of it.
struct Generation {
  Request request;
  int cached_tokens = 0;  ///< of the prompt, taken from the prefix cache
  Sequence prompt;
  bool prompt_done = false;
  BlockTable
      reserved;  ///< the first suggestion's own blocks, taken with the prompt's so that it can always start
  bool last_block_taken = false;  ///< by a suggestion that goes on in it
  bool told_waiting = false;
  std::vector<Suggestion> suggestions;
  int completion_tokens = 0;
  TimePoint deadline;
  TimePoint admitted;
  std::uint64_t arrival = 0;  ///< its number among all that were queued
  std::optional<TimePoint> first_token;

  [[nodiscard]] bool finished() const { return open() == 0; }
  /// Suggestions that have not finished.
  [[nodiscard]] int open() const;
  [[nodiscard]] std::string_view client() const { return request.client(); }
  /// Rows it still computes at most.
  [[nodiscard]] int rows_left() const;
  /// It goes on with what another service or connection began.
  [[nodiscard]] bool resumed() const { return request.suggest.resume.has_value(); }
  /// Some suggestion has no resumed token, so the prompt's own logits are sampled.
  [[nodiscard]] bool needs_prompt_logits() const;
  /// Its next token, without one the prompt's, takes more than next_draw(): logits, or allowed tokens.
  [[nodiscard]] bool draws_on_host(const Suggestion* suggestion) const {
    const std::size_t spelled = suggestion != nullptr ? suggestion->spelled : 0;
    return request.suggest.logprobs.has_value() || spelled < request.spell_again.size();
  }
  /// Of spell_again; while there is some, not every token may come next.
  [[nodiscard]] std::string_view left_to_spell(const Suggestion& suggestion) const {
    return std::string_view(request.spell_again).substr(suggestion.spelled);
  }
  /// Of a suggestion's next token.
  [[nodiscard]] Draw next_draw(const Suggestion& suggestion) const;
};

/// A warm-up on its way through the model: a prompt and nothing after it.
struct WarmingPrompt {
  Warmup warmup;
  Sequence sequence;
  int cached_tokens = 0;
  bool admitted = false;
};

/// What a completed request said, for an `accept` that comes later.
struct CompletedTexts {
  RequestKey key = 0;
  std::vector<TokenId> prompt;
  std::vector<std::pair<int, std::vector<TokenId>>> suggestions;  ///< index, tokens

  [[nodiscard]] std::size_t size() const;  ///< tokens in all
};

}  // namespace inkfleet::engine
