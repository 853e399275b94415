// Messages of the existing editors: a request is within its bounds, and a prompt comes back as it was sent.

#include <variant>

#include "gateway/legacy_request.hpp"
#include "gateway/text_cleaner.hpp"
#include "proto/json.hpp"
#include "tests/fuzz/fuzz.hpp"

using inkfleet::fuzz::require;
using namespace inkfleet::gateway;

namespace {

const Router kRouter({{.name = "gpt2-medium", .aliases = {"gpt2"}}, {.name = "gpt2-medium-hp"}});

void check(const LegacyRequest& request) {
  require(!request.prompt.empty() && strip(request.prompt) == request.prompt,
          "a prompt is trimmed, not blank");
  require(kRouter.model_named(request.model) == request.model, "a model is one of ours, its alias resolved");
  require(request.batch_size >= 1 && request.batch_size <= 10, "batch_size is within bounds");
  require(request.length >= 1 && request.length <= 256, "length is within bounds");
  require(request.temperature >= 0.1 && request.temperature <= 1, "temperature is within bounds");
  require(request.top_k >= 0 && request.top_k <= 40, "top_k is within bounds");
  require(request.top_p >= 0 && request.top_p <= 1, "top_p is within bounds");
  const auto again = parse_legacy(inkfleet::proto::dump_json({{"message_type", "new_request"},
                                                              {"prompt", request.prompt},
                                                              {"model_name", request.model},
                                                              {"batch_size", request.batch_size},
                                                              {"length", std::to_string(request.length)},
                                                              {"temperature", request.temperature},
                                                              {"top_k", request.top_k},
                                                              {"top_p", request.top_p}}),
                                  kRouter);
  const auto* same = std::get_if<LegacyRequest>(&again);
  require(same != nullptr && same->prompt == request.prompt && same->model == request.model &&
              same->batch_size == request.batch_size && same->length == request.length &&
              same->temperature == request.temperature && same->top_k == request.top_k &&
              same->top_p == request.top_p,
          "read, written, read: equal");
}

/// Cleaned text only ever grows, and its last state extends them all. Services send whole characters.
void check_cleaning(std::string_view bytes) {
  std::string written;
  inkfleet::proto::append_json_string(written, bytes);
  const auto text = std::get<inkfleet::proto::Json>(inkfleet::proto::parse_json(written)).get<std::string>();
  auto half = text.size() / 2;
  while (half < text.size() && (static_cast<unsigned char>(text[half]) & 0xC0) == 0x80) ++half;
  const auto shorter = clean_text(text.substr(0, half), true);
  const auto longer = clean_text(text, true);
  require(longer.starts_with(shorter), "text that grows is an extension");
  require(clean_text(text, false).starts_with(longer), "the last text is an extension");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = inkfleet::fuzz::text_of(data, size);
  const auto message = parse_legacy(text, kRouter);
  if (const auto* request = std::get_if<LegacyRequest>(&message)) check(*request);
  check_cleaning(text);
  return 0;
}
