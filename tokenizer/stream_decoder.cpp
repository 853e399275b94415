#include "tokenizer/stream_decoder.hpp"

#include "tokenizer/utf8.hpp"

namespace inkfleet::tokenizer {

void StreamDecoder::push(std::string_view bytes, std::string& text) {
  if (pending_.empty()) {
    pending_ = bytes.substr(append_repaired(bytes, text));
    return;
  }
  pending_ += bytes;
  pending_.erase(0, append_repaired(pending_, text));
}

void StreamDecoder::finish(std::string& text) {
  if (!pending_.empty()) text += kReplacement;
  pending_.clear();
}

}  // namespace inkfleet::tokenizer
