#pragma once

#include <string>
#include <string_view>

namespace inkfleet::tokenizer {

/// Turns the bytes of successive tokens into text, giving out only whole UTF-8 characters. Bytes that can no
/// longer become a character are given out as U+FFFD, one for each maximal invalid part, as Python's
/// errors="replace" does; so the text is the same however the bytes were cut into tokens.
class StreamDecoder {
 public:
  /// Appends the characters that `bytes` completes to `text`.
  void push(std::string_view bytes, std::string& text);

  /// Bytes held back because their character is unfinished (0 to 3).
  [[nodiscard]] std::size_t pending() const { return pending_.size(); }

  /// Ends the stream: an unfinished character is appended as U+FFFD.
  void finish(std::string& text);

 private:
  std::string pending_;
};

}  // namespace inkfleet::tokenizer
