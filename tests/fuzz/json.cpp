// The JSON of every door: whatever is accepted can be written, and what was written is read as the same.

#include "proto/json.hpp"

#include "tests/fuzz/fuzz.hpp"

using inkfleet::fuzz::require;
using namespace inkfleet::proto;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = inkfleet::fuzz::text_of(data, size);
  const auto parsed = parse_json(text);
  if (const auto* fault = std::get_if<JsonFault>(&parsed)) {
    require(!fault->message.empty(), "a fault has a message");
  } else {
    const auto again = parse_json(dump_json(std::get<Json>(parsed)));
    require(again.index() == 0 && std::get<Json>(again) == std::get<Json>(parsed),
            "read, written, read: equal");
  }

  // Any bytes can be a string: they are written as JSON that is read, and what was read is written alike.
  std::string written;
  append_json_string(written, text);
  const auto string = parse_json(written);
  require(string.index() == 0 && std::get<Json>(string).is_string(), "any bytes can be written as a string");
  const auto& repaired = std::get<Json>(string).get_ref<const std::string&>();
  std::string rewritten;
  append_json_string(rewritten, repaired);
  require(rewritten == written, "a repaired string stays as it is");
  return 0;
}
