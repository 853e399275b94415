#include "bench/load/prompts.hpp"

#include <utf8proc.h>

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <utility>

namespace inkfleet::load {
namespace {

/// Where each character begins.
std::vector<std::size_t> character_starts(const std::string& text) {
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at < text.size();) {
    starts.push_back(at);
    utf8proc_int32_t character = 0;
    const auto length = utf8proc_iterate(reinterpret_cast<const std::uint8_t*>(text.data()) + at,
                                         static_cast<utf8proc_ssize_t>(text.size() - at), &character);
    if (length <= 0) {
      throw std::runtime_error("the prompt file is not UTF-8 at byte " + std::to_string(at) +
                               "; convert it with iconv");
    }
    at += static_cast<std::size_t>(length);
  }
  return starts;
}

}  // namespace

PromptSource::PromptSource(std::string text, std::size_t characters, std::uint64_t seed)
    : text_(std::move(text)), starts_(character_starts(text_)), characters_(characters), random_(seed) {
  if (starts_.size() < characters_) {
    throw std::runtime_error("the prompt file has " + std::to_string(starts_.size()) +
                             " characters, fewer than the " + std::to_string(characters_) +
                             " of a prompt; give a longer file or a smaller --prompt-chars");
  }
  starts_.push_back(text_.size());
}

std::string PromptSource::next() {
  const std::size_t places = starts_.size() - characters_;
  if (used_.size() == places) used_.clear();
  std::size_t place = random_() % places;
  while (!used_.insert(place).second) place = random_() % places;
  return text_.substr(starts_[place], starts_[place + characters_] - starts_[place]);
}

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file)
    throw std::runtime_error(path.string() + ": cannot be read; give a text file to cut prompts from");
  return text;
}

}  // namespace inkfleet::load
