#pragma once

#include <optional>
#include <random>
#include <string_view>
#include <variant>

#include "gateway/relay.hpp"
#include "gateway/router.hpp"
#include "net/http_answer.hpp"

namespace inkfleet::gateway {

/// The OpenAI-compatible door (protocol.md, section 5): what is answered beneath /v1/, and the document that
/// describes it.
class OpenAiDoor {
 public:
  static constexpr std::string_view kCompletions = "/v1/completions";
  static constexpr std::string_view kDocument = "/openapi.json";

  OpenAiDoor(Relay& relay, const Router& router) : relay_(relay), router_(router) {}

  /// What a GET of this path is answered, or any method where nothing is served; nothing when the path is
  /// none of this door's.
  [[nodiscard]] std::optional<net::HttpResponse> answer(std::string_view path) const;

  /// The answer to a POST of kCompletions, or the one that refuses it at once.
  std::variant<net::AnswerFactory, net::HttpResponse> complete(std::string_view body, Caller caller);

 private:
  Relay& relay_;
  const Router& router_;
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace inkfleet::gateway
