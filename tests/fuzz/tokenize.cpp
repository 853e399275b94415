// Any text through a tokenizer: its tokens spell it, and a stream of them gives the same characters.

#include "tests/fuzz/fuzz.hpp"
#include "tokenizer/loading.hpp"
#include "tokenizer/stream_decoder.hpp"
#include "tokenizer/utf8.hpp"

using inkfleet::fuzz::require;
using namespace inkfleet::tokenizer;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto tokenizer =
      load_tokenizer_json(INKFLEET_SOURCE_DIR "/tests/data/tokenizer/small-tokenizer.json");
  const auto bytes = inkfleet::fuzz::text_of(data, size);
  const auto text = repaired(bytes);
  require(valid_prefix(text) == text.size() && repaired(text) == text, "repaired text is whole characters");

  const auto ids = tokenizer->encode(bytes);
  require(tokenizer->decode(ids) == text, "encoded and decoded: the same text");
  require(tokenizer->encode(text) == ids, "bytes that are no characters are read as U+FFFD");

  StreamDecoder of_bytes, of_tokens;
  std::string from_bytes, from_tokens;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    of_bytes.push(bytes.substr(i, 1), from_bytes);
    require(of_bytes.pending() <= 3 && valid_prefix(from_bytes) == from_bytes.size(),
            "a stream is whole characters");
  }
  for (const auto id : ids) of_tokens.push(tokenizer->token_bytes(id), from_tokens);
  of_bytes.finish(from_bytes);
  of_tokens.finish(from_tokens);
  require(from_bytes == text && from_tokens == text, "wherever a stream is cut: the same text");
  return 0;
}
