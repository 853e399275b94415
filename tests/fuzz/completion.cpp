// Bodies of POST /v1/completions: what is accepted can be asked of a service, prompt by prompt, and an error
// names its parameter.

#include <variant>

#include "gateway/openai_request.hpp"
#include "proto/limits.hpp"
#include "proto/parse.hpp"
#include "proto/serialize.hpp"
#include "tests/fuzz/fuzz.hpp"

using inkfleet::fuzz::require;
using namespace inkfleet;
using namespace inkfleet::gateway;

namespace {

const Router kRouter({{.name = "gpt2-medium", .aliases = {"gpt2"}}, {.name = "gpt2-medium-hp"}});

void check(const CompletionRequest& request) {
  require(kRouter.model_named(request.model) == request.model, "a model is one of ours, its alias resolved");
  require(!request.prompts.empty() && request.prompts.size() <= proto::limits::kCompletionPrompts,
          "so many prompts");
  require(request.choices() <= proto::limits::kCompletionChoices, "so many choices");
  require(request.stream || !request.include_usage, "only a stream has a last event");
  for (const auto& prompt : request.prompts) {
    auto suggest = request.suggest;
    suggest.id = "a";
    if (const auto* text = std::get_if<std::string>(&prompt)) suggest.prompt = *text;
    if (const auto* ids = std::get_if<std::vector<proto::TokenId>>(&prompt)) suggest.prompt_ids = *ids;
    const auto frame = proto::to_json(proto::ClientFrame(suggest));
    require(frame.size() <= proto::limits::kServiceFrameBytes, "it fits into a frame");
    require(std::holds_alternative<proto::ClientFrame>(proto::parse_client_frame(frame)),
            "a service takes it");
  }
}

void check(const proto::Error& error) {
  using enum proto::ErrorCode;
  require(error.code == kBadRequest || error.code == kTooLarge || error.code == kUnknownModel,
          "the asker's fault");
  require(!error.message.empty() && error.message.size() < 1024, "a message is readable");
  require(error.code == kBadRequest || error.field, "a parameter is at fault");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::visit([](const auto& read) { check(read); }, parse_completion(fuzz::text_of(data, size), kRouter));
  return 0;
}
