#include "model-service/model_flags.hpp"

#include <spdlog/spdlog.h>

#include <future>
#include <memory>
#include <stdexcept>
#include <utility>

#include "model-service/gpt2/checkpoint.hpp"
#include "model-service/gpt2/weights_hash.hpp"
#include "net/program.hpp"
#include "net/progress_bar.hpp"

namespace inkfleet::service {
namespace {

constexpr std::uint64_t kWorthTelling = 100 << 20U;

// Draws a bar for a person, or logs every tenth of a long load.
auto tell_progress() {
  return [bar = std::make_shared<net::ProgressBar>("loading weights"), logged = std::uint64_t{0}](
             std::uint64_t done, std::uint64_t total) mutable {
    if (bar->visible()) return bar->update(done, total);
    if (total < kWorthTelling) return;
    const auto tenth = done * 10 / total;
    if (tenth == logged) return;
    logged = tenth;
    spdlog::info("loading weights: {} of {} MB", done >> 20U, total >> 20U);
  };
}

void check_vocabulary(const ModelFlags& flags, const tokenizer::Tokenizer& tokenizer, int model_size) {
  if (tokenizer.vocab_size() <= model_size) return;
  throw std::runtime_error(flags.folder + ": the tokenizer has " + std::to_string(tokenizer.vocab_size()) +
                           " tokens, the model's vocab_size is " + std::to_string(model_size) +
                           "; they do not belong together");
}

gpt2::PackedCacheOptions packed_cache(const ModelFlags& flags, std::string weights_hash) {
  return {.folder = flags.packed_cache == "off"  ? ""
                    : flags.packed_cache.empty() ? gpt2::default_packed_cache()
                                                 : std::filesystem::path(flags.packed_cache),
          .weights_hash = std::move(weights_hash),
          .inform = [](const std::string& line) { spdlog::info("{}", line); },
          .warn = [](const std::string& line) { spdlog::warn("{}", line); }};
}

gpt2::ComputeType compute_type(const std::string& dtype) {
  return dtype == "auto" ? gpt2::best_compute_type() : gpt2::compute_type(dtype);
}

}  // namespace

void ModelFlags::add_to(CLI::App& cli) {
  cli.add_option("--model", folder, "Folder of a GPT-2 in the Hugging Face layout")->required();
  cli.add_option("--device", device, "Where to compute")
      ->check(CLI::IsMember({"auto", "cpu"}))
      ->capture_default_str();
  cli.add_option("--dtype", dtype, "Number format to compute in")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "int8"}))
      ->capture_default_str();
  cli.add_option("--threads", threads, "Threads of a model step; 0: one for each core")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  cli.add_option("--cache-mb", cache_mb, "Memory for keys and values, in MiB")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  cli.add_option("--packed-cache", packed_cache,
                 "Folder to keep packed int8 weights in for the next start, or \"off\"; by default "
                 "$XDG_CACHE_HOME/inkfleet/packed or ~/.cache/inkfleet/packed");
}

LoadedModel load_model(const ModelFlags& flags) {
  const auto dtype = compute_type(flags.dtype);
  LoadedModel loaded;
  auto tokenizer = std::async(std::launch::async, [&] { return tokenizer::load_tokenizer(flags.folder); });
  const std::string weights_hash = gpt2::weights_hash(gpt2::find_weight_files(flags.folder));
  loaded.model = gpt2::load_model(flags.folder, {.dtype = dtype,
                                                 .threads = flags.threads,
                                                 .kv_bytes = static_cast<std::size_t>(flags.cache_mb) << 20U,
                                                 .packed_cache = packed_cache(flags, weights_hash),
                                                 .progress = tell_progress()});
  loaded.tokenizer = tokenizer.get();
  const auto& summary = loaded.model->summary();
  check_vocabulary(flags, *loaded.tokenizer, summary.vocab_size);
  loaded.receipt = {.model = flags.name,
                    .weights = weights_hash,
                    .engine = {.version = std::string(net::version()),
                               .device = "cpu",
                               .dtype = std::string(gpt2::name(dtype)),
                               .instruction_set = std::string(gpt2::instruction_set(dtype))}};
  loaded.exact = dtype == gpt2::ComputeType::kInt8;
  spdlog::info("loaded {}: {}", flags.folder, gpt2::to_string(summary));
  spdlog::info("computing in {}{} on the CPU ({}, libtorch {}), {} MiB for keys and values",
               gpt2::name(dtype), flags.dtype == "auto" ? " (the fastest here)" : "",
               gpt2::instruction_set(dtype), gpt2::libtorch_version(), flags.cache_mb);
  return loaded;
}

}  // namespace inkfleet::service
