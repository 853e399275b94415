#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <unordered_set>
#include <vector>

namespace inkfleet::load {

/// Windows of a text at random places, none twice until all were used. The same text, length and seed give
/// the same prompts.
class PromptSource {
 public:
  /// `characters` long each. Throws std::runtime_error when the text is not UTF-8 or has fewer characters.
  PromptSource(std::string text, std::size_t characters, std::uint64_t seed);

  std::string next();

 private:
  std::string text_;
  std::vector<std::size_t> starts_;  // byte where each character begins, and the end of the text
  std::size_t characters_;
  std::mt19937_64 random_;
  std::unordered_set<std::size_t> used_;
};

/// A whole file. Throws std::runtime_error naming it when it cannot be read.
std::string read_text(const std::filesystem::path& path);

}  // namespace inkfleet::load
