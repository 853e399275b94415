#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "gateway/router.hpp"
#include "proto/frames.hpp"

/// Bodies of POST /v1/completions (protocol.md, section 5), read once and valid from there.
namespace inkfleet::gateway {

/// One prompt of a request: text, or the tokens of a text.
using Prompt = std::variant<std::string, std::vector<proto::TokenId>>;

struct CompletionRequest {
  std::string model;            ///< aliases resolved
  std::vector<Prompt> prompts;  ///< at least one
  proto::Suggest suggest;       ///< what all of them are asked with; its prompt and id stay empty
  bool echo = false;
  bool stream = false;
  bool include_usage = false;  ///< in the last event of a stream

  /// Choices of all prompts, in the order of the answer: `n` of the first prompt, `n` of the second, ...
  [[nodiscard]] std::size_t choices() const { return prompts.size() * static_cast<std::size_t>(suggest.n); }
};

/// Reads a body. What is wrong with it becomes an Error whose `field` is the parameter at fault: unknown
/// models are `unknown_model`, prompts too long to pass on `too_large`, all else `bad_request`. Parameters
/// OpenAI does not know are ignored, but for `deadline_ms`, which is that of `suggest`.
std::variant<CompletionRequest, proto::Error> parse_completion(std::string_view body, const Router& router);

}  // namespace inkfleet::gateway
