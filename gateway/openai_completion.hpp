#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gateway/openai_request.hpp"
#include "proto/frames.hpp"
#include "proto/json.hpp"

namespace inkfleet::gateway {

/// The answer to one CompletionRequest while it grows: takes the frames of each prompt's request and writes
/// what they mean in OpenAI's words, at once or in events. No I/O, no time.
class Completion {
 public:
  /// `created` in seconds since 1970.
  Completion(CompletionRequest request, std::string id, std::int64_t created);

  /// A frame of the request that asks for this prompt.
  void take(std::size_t prompt, proto::ServerFrame frame);

  /// A model has begun to write: nothing will be refused any more.
  [[nodiscard]] bool started() const { return started_; }
  [[nodiscard]] bool complete() const { return completed_ == request_.prompts.size(); }

  /// Why there will be no answer, or no whole one.
  [[nodiscard]] const std::optional<proto::Error>& error() const { return error_; }

  [[nodiscard]] const CompletionRequest& request() const { return request_; }
  [[nodiscard]] const std::string& id() const { return id_; }

  /// The whole answer, once it is complete.
  [[nodiscard]] proto::Json whole() const;

  /// What is new since the last call, as server-sent events: one for each choice that has grown or ended; at
  /// the end usage, if it was asked for, and [DONE]. Empty when nothing is new.
  std::string events();

 private:
  struct Choice {
    std::string text;  // not given out yet
    std::vector<proto::TokenLogprob> logprobs;
    std::size_t characters = 0;  // of the tokens given out before
    const char* finish_reason = nullptr;
    bool said_end = false;  // the finish reason was given out

    [[nodiscard]] bool has_news() const { return !text.empty() || (finish_reason != nullptr && !said_end); }
  };

  void take_frame(std::size_t prompt, proto::Started& frame);
  void take_frame(std::size_t prompt, proto::Delta& frame);
  void take_frame(std::size_t prompt, proto::Finished& frame);
  void take_frame(std::size_t prompt, proto::Completed& frame);
  void take_frame(std::size_t prompt, proto::Error& frame);
  void take_frame(std::size_t, proto::Queued&) {}
  void take_frame(std::size_t, proto::Prefilled&) {}

  Choice* choice(std::size_t prompt, int index);
  void fail(proto::Error error);
  [[nodiscard]] proto::Json head() const;
  [[nodiscard]] proto::Json usage() const;
  [[nodiscard]] proto::Json shown(std::size_t index) const;

  CompletionRequest request_;
  std::string id_;
  std::int64_t created_;
  std::vector<Choice> choices_;
  proto::Usage usage_;
  std::string fingerprint_;
  std::size_t completed_ = 0;  // prompts
  std::optional<proto::Error> error_;
  bool started_ = false;
  bool said_done_ = false;
};

/// One server-sent event.
std::string event_of(const proto::Json& data);

}  // namespace inkfleet::gateway
