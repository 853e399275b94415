#include "model-service/service/suggest_check.hpp"

#include <algorithm>
#include <string>

#include "model-service/engine/heal.hpp"
#include "proto/json.hpp"
#include "proto/limits.hpp"

namespace inkfleet::service {
namespace {

proto::Error bad_field(std::string field, std::string message) {
  return {.code = proto::ErrorCode::kBadRequest, .message = std::move(message), .field = std::move(field)};
}

std::string beyond_vocabulary(proto::TokenId token, const engine::ModelShape& shape) {
  return " hold token " + std::to_string(token) + ", the vocabulary ends at " +
         std::to_string(shape.vocab_size - 1);
}

std::optional<proto::Error> check_prompt_ids(const std::vector<proto::TokenId>& ids,
                                             const engine::ModelShape& shape) {
  const auto beyond = std::ranges::find_if(ids, [&](auto id) { return id >= shape.vocab_size; });
  if (beyond == ids.end()) return std::nullopt;
  return bad_field("prompt_ids", "prompt_ids" + beyond_vocabulary(*beyond, shape));
}

std::optional<proto::Error> check_resume(const std::vector<proto::ResumePoint>& points,
                                         const engine::ModelShape& shape) {
  for (const auto& point : points) {
    for (const auto token : point.tokens) {
      if (token >= shape.vocab_size) {
        return bad_field("resume", "resume's tokens" + beyond_vocabulary(token, shape));
      }
      if (token == shape.end_of_text) {
        return bad_field("resume", "resume holds the end-of-text token, after which nothing can follow");
      }
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<proto::Error> check_suggest(const proto::Suggest& suggest, const engine::ModelShape& shape) {
  if (suggest.top_k > shape.vocab_size) {
    return bad_field("top_k", "top_k is " + std::to_string(suggest.top_k) + ", the vocabulary has " +
                                  std::to_string(shape.vocab_size) + " tokens");
  }
  if (suggest.prompt_ids) {
    if (auto error = check_prompt_ids(*suggest.prompt_ids, shape)) return error;
  }
  if (suggest.resume) return check_resume(*suggest.resume, shape);
  return std::nullopt;
}

std::optional<proto::Error> check_spelled(std::string_view prompt) {
  std::string json;
  proto::append_json_string(json, prompt);
  if (json.size() <= proto::limits::kCompletionPromptBytes) return std::nullopt;
  return proto::Error{.code = proto::ErrorCode::kTooLarge,
                      .message = "prompt_ids may spell " +
                                 std::to_string(proto::limits::kCompletionPromptBytes) +
                                 " bytes as JSON; given: " + std::to_string(json.size()),
                      .field = "prompt_ids"};
}

std::optional<proto::Error> check_healed_resume(const proto::Suggest& suggest, std::string_view spell_again,
                                                const tokenizer::Tokenizer& tokenizer) {
  if (!suggest.resume || spell_again.empty()) return std::nullopt;
  for (const auto& point : *suggest.resume) {
    std::string bytes;
    for (const auto token : point.tokens) {
      if (bytes.size() < spell_again.size()) bytes += tokenizer.token_bytes(token);
    }
    if (!engine::spells(bytes, spell_again)) {
      return bad_field("resume", "the tokens of suggestion " + std::to_string(point.index) +
                                     " do not spell what heal took back from the prompt");
    }
  }
  return std::nullopt;
}

}  // namespace inkfleet::service
