#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "proto/frames.hpp"
#include "tokenizer/stream_decoder.hpp"
#include "tokenizer/tokenizer.hpp"

namespace inkfleet::engine {

/// Tokens of one suggestion on their way to text. Decides what may be sent: whole characters only, nothing
/// that could still become a stop string, and always so that the tokens sent spell the text sent. Pure; no
/// clock.
class TextStream {
 public:
  /// The tokenizer must outlive the stream. The first `spelled_again` bytes are the prompt's own
  /// (engine/heal.hpp) and no text.
  TextStream(const tokenizer::Tokenizer& tokenizer, std::vector<std::string> stop,
             std::size_t spelled_again = 0);

  /// Takes tokens the client already has: they count and can begin a stop string, but are not sent again.
  /// The stream is finished when they already hold one.
  void resume(std::span<const proto::TokenId> tokens);

  /// Takes the next token. True when it completes a stop string: the stream is finished then.
  bool push(proto::TokenId token, std::optional<proto::TokenLogprob> logprob);

  /// Nothing follows: what was held back may be sent, an unfinished character as U+FFFD.
  void finish();

  /// What may be sent and was not yet, with index and id left for the caller to fill in.
  std::optional<proto::Delta> take();

  /// A stop string was completed, or finish() called.
  [[nodiscard]] bool finished() const { return finished_; }

 private:
  struct Held {
    proto::TokenId token;
    std::optional<proto::TokenLogprob> logprob;
    std::size_t text_begin;  ///< into text_: characters completed before this token
    std::size_t text_end;    ///< characters completed with it
    bool whole;              ///< no unfinished character, nothing more to spell again after it
  };

  void decode(proto::TokenId token);
  bool find_stop();
  [[nodiscard]] std::size_t undecided() const;
  [[nodiscard]] std::size_t sendable_tokens() const;

  const tokenizer::Tokenizer& tokenizer_;
  std::vector<std::string> stop_;
  std::size_t longest_stop_ = 0;
  std::size_t spell_again_;  ///< bytes to come that are no text
  tokenizer::StreamDecoder decoder_;
  std::string text_;           ///< all of it
  std::size_t sent_text_ = 0;  ///< how much of text_ was sent
  int sent_ = 0;               ///< tokens sent
  std::vector<Held> held_;     ///< tokens not sent
  bool finished_ = false;
};

}  // namespace inkfleet::engine
