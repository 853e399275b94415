// Frames of services, which a gateway reads: whatever is accepted means the same when it is sent on.

#include "proto/parse.hpp"
#include "proto/serialize.hpp"
#include "tests/fuzz/fuzz.hpp"

using inkfleet::fuzz::require;
using namespace inkfleet::proto;

namespace {

void check(const Delta& delta) {
  require(delta.index >= 0 && delta.offset >= 0, "a delta's place is no negative number");
  require(delta.logprobs.empty() || delta.logprobs.size() == delta.tokens.size(), "logprobs: one a token");
  for (const auto token : delta.tokens) require(token >= 0, "a token is no negative number");
}

template <class Other>
void check(const Other&) {}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto frame = parse_server_frame(inkfleet::fuzz::text_of(data, size));
  if (!frame) return 0;
  std::visit([](const auto& value) { check(value); }, *frame);
  const auto written = to_json(*frame);
  const auto again = parse_server_frame(written);
  require(again.has_value() && again->index() == frame->index(), "what was written is read");
  require(to_json(*again) == written, "read, written, read: equal");
  return 0;
}
