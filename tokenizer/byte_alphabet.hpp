#pragma once

#include <string>
#include <string_view>

/// GPT-2's vocabulary files spell bytes as printable characters (openai/gpt-2, src/encoder.py,
/// bytes_to_unicode): '!' to '~', U+00A1 to U+00AC and U+00AE to U+00FF stand for the byte of the same
/// number; the other 68 bytes, in ascending order, for U+0100 to U+0143. So a space is U+0120 and a newline
/// U+010A.
namespace inkfleet::tokenizer {

/// The character that stands for `byte`, as UTF-8.
std::string spelling_of(unsigned char byte);

/// The bytes that a token of a vocabulary file stands for. A token with a character outside the alphabet
/// stands for its own UTF-8, as in the `tokenizers` package.
std::string bytes_of(std::string_view token);

}  // namespace inkfleet::tokenizer
