// config.json: what is accepted is a shape that a model can have; an error names the file.

#include "model-service/gpt2/config.hpp"
#include "tests/fuzz/fuzz.hpp"

using inkfleet::fuzz::require;
using namespace inkfleet;

namespace {

void check(const gpt2::Config& config) {
  require(config.vocab_size > 0 && config.context_length > 0 && config.width > 0, "sizes are positive");
  require(config.layers > 0 && config.heads > 0 && config.inner > 0, "sizes are positive");
  require(config.head_dim() * config.heads == config.width, "heads divide the width");
  require(config.end_of_text >= 0 && config.end_of_text < config.vocab_size, "the end is a token");
  require(config.layer_norm_epsilon > 0 && config.layer_norm_epsilon < 1, "epsilon is within bounds");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  folder.write("config.json", fuzz::text_of(data, size));
  const auto place = (folder.path() / "config.json").string() + ": ";
  gpt2::Config config;
  if (fuzz::loads(place, [&] { config = gpt2::load_config(folder.path()); })) check(config);
  return 0;
}
