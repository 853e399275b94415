#pragma once

#include <cstddef>
#include <string_view>

namespace inkfleet::tokenizer {

/// GPT-2 splits text into words before it merges bytes, by the pattern
///
///   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///
/// (openai/gpt-2, src/encoder.py), here written out by hand: a contraction; a run of one class of character,
/// with one space (U+0020) before it if there is one; white space, of which the last character is left to
/// what follows. Every character belongs to exactly one word.
///
/// Returns the end of the word that begins at `begin`. `valid` is valid UTF-8, `begin` a character boundary
/// before its end.
std::size_t word_end(std::string_view valid, std::size_t begin);

}  // namespace inkfleet::tokenizer
