// Frames of editors: a frame means the same when it is written and read again; an error ends a request or
// names its frame.

#include "proto/limits.hpp"
#include "proto/parse.hpp"
#include "proto/serialize.hpp"
#include "tests/fuzz/fuzz.hpp"

using inkfleet::fuzz::require;
using namespace inkfleet::proto;

namespace {

void check(const Error& error) {
  require(error.code == ErrorCode::kBadRequest, "a frame that is wrong is a bad request");
  require(error.id.has_value() != error.frame.has_value(), "an error has an id or a frame");
  require(!error.id || (!error.id->empty() && error.id->size() <= limits::kIdBytes),
          "an id is within bounds");
  require(!error.frame || error.frame->size() <= kTypeBytes, "a frame's type is cut");
  const bool has_type = error.id || !error.frame->empty();
  require(!has_type || error.field, "an error of a frame names the field");
  require(!error.message.empty() && error.message.size() < 1024, "a message is readable");
  require(error.message.find('\n') == std::string::npos, "a message is one line");
  require(parse_server_frame(to_json(ServerFrame(error))).has_value(), "an error can be sent");
  require(!without_request(error).id, "an error can be freed of its request");
}

void check(const Suggest& suggest) {
  require(suggest.n >= limits::kSuggestions.min && suggest.n <= limits::kSuggestions.max,
          "n is within bounds");
  require(suggest.stop.size() <= limits::kStopStrings, "so many stop strings");
  for (const auto& point : suggest.resume.value_or(std::vector<ResumePoint>())) {
    require(point.index >= 0 && point.index < suggest.n, "what is resumed is asked for");
    require(point.tokens.size() <= static_cast<std::size_t>(suggest.max_tokens),
            "no more tokens than asked for");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto result = parse_client_frame(inkfleet::fuzz::text_of(data, size));
  if (const auto* error = std::get_if<Error>(&result)) {
    check(*error);
    return 0;
  }
  const auto& frame = std::get<ClientFrame>(result);
  if (const auto* suggest = std::get_if<Suggest>(&frame)) check(*suggest);
  const auto written = to_json(frame);
  const auto again = parse_client_frame(written);
  require(again.index() == 0, "what was written is read");
  require(to_json(std::get<ClientFrame>(again)) == written, "read, written, read: equal");
  return 0;
}
