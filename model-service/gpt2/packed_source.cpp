#include "model-service/gpt2/packed_source.hpp"

#include <cstdio>
#include <stdexcept>
#include <string>

namespace inkfleet::gpt2 {
namespace {

void say(const std::function<void(const std::string&)>& log, const std::string& line) {
  if (log) log(line);
}

}  // namespace

PackedSource::PackedSource(const PackedCacheOptions& options, const PackedKey& key, const WeightSizes& sizes)
    : options_(options), sizes_(sizes) {
  if (!options.folder.empty()) cache_.emplace(options.folder, to_string(key));
}

std::string PackedSource::seconds() const {
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start_;
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", passed.count());
  return text;
}

std::optional<WeightMemory> PackedSource::find() const {
  if (!cache_) return std::nullopt;
  try {
    auto found = cache_->load(sizes_);
    if (found)
      say(options_.inform, "packed weights taken from " + cache_->path().string() + " in " + seconds());
    return found;
  } catch (const std::runtime_error& reason) {
    say(options_.warn, cache_->path().string() + ": not used, weights are packed anew: " + reason.what());
    return std::nullopt;
  }
}

void PackedSource::keep(const WeightMemory& memory) const {
  const std::string packed = "weights packed in " + seconds();
  if (!cache_) return say(options_.inform, packed + ", not kept: no packed cache");
  try {
    cache_->store(memory);
    say(options_.inform, packed + ", kept in " + cache_->path().string() + " after " + seconds());
  } catch (const std::runtime_error& reason) {
    say(options_.warn, packed + ", not kept: " + cache_->path().string() + ": " + reason.what());
  }
}

}  // namespace inkfleet::gpt2
