#include "model-service/model_loading.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <future>
#include <stdexcept>
#include <string>
#include <utility>

#include "model-service/compute_device.hpp"
#include "model-service/gpt2/checkpoint.hpp"
#include "model-service/gpt2/cpu_model.hpp"
#include "model-service/gpt2/weights_hash.hpp"
#include "model-service/gpu/gpu_model.hpp"
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

void load_on_cpu(const ModelFlags& flags, const std::string& weights_hash, LoadedModel& loaded) {
  const auto dtype = flags.dtype == "auto" ? gpt2::best_compute_type() : gpt2::compute_type(flags.dtype);
  auto model =
      gpt2::load_model(flags.folder, {.dtype = dtype,
                                      .threads = flags.threads,
                                      .kv_bytes = static_cast<std::size_t>(flags.cpu_cache_mb()) << 20U,
                                      .packed_cache = packed_cache(flags, weights_hash),
                                      .progress = tell_progress()});
  loaded.summary = model->summary();
  loaded.model = std::move(model);
  loaded.scheduler.exact = dtype == gpt2::ComputeType::kInt8;
  loaded.scheduler.receipt.engine = {.version = std::string(net::version()),
                                     .device = "cpu",
                                     .dtype = std::string(gpt2::name(dtype)),
                                     .instruction_set = std::string(gpt2::instruction_set(dtype))};
  spdlog::info("computing in {}{} on the CPU ({}, libtorch {}), {} MiB for keys and values",
               gpt2::name(dtype), flags.dtype == "auto" ? " (the fastest here)" : "",
               gpt2::instruction_set(dtype), gpt2::libtorch_version(), flags.cpu_cache_mb());
}

void load_on_gpu(const ModelFlags& flags, LoadedModel& loaded) {
  const std::string dtype = flags.dtype == "auto" ? "fp16" : flags.dtype;
  gpu::fit_to_gpu(loaded.scheduler);
  auto [model, summary, device] =
      gpu::load_model(flags.folder, {.library = beside_program(kGpuLibrary),
                                     .type = gpu::gpu_type(dtype).value(),
                                     .max_rows = loaded.scheduler.most_rows(),
                                     .kv_bytes = static_cast<std::size_t>(flags.cache_mb) << 20U,
                                     .progress = tell_progress()});
  const auto& shape = model->shape();
  spdlog::info("computing in {} on {} (compute capability {}.{}, {} MiB), {} positions of keys and values",
               dtype, device.name, device.major, device.minor, device.total_bytes >> 20U,
               std::int64_t{shape.kv_blocks} * shape.block_tokens);
  loaded.scheduler.receipt.engine = {.version = std::string(net::version()),
                                     .device = device.name,
                                     .dtype = dtype,
                                     .instruction_set = fmt::format("sm_{}{}", device.major, device.minor)};
  loaded.summary = std::move(summary);
  loaded.model = std::move(model);
}

}  // namespace

LoadedModel load_model(const ModelFlags& flags, engine::SchedulerOptions scheduler) {
  const bool on_gpu = choose_device(flags) == "cuda";
  LoadedModel loaded{.model = {}, .summary = {}, .tokenizer = {}, .scheduler = std::move(scheduler)};
  auto tokenizer = std::async(std::launch::async, [&] { return tokenizer::load_tokenizer(flags.folder); });
  const std::string weights_hash = gpt2::weights_hash(gpt2::find_weight_files(flags.folder));
  if (on_gpu) {
    load_on_gpu(flags, loaded);
  } else {
    load_on_cpu(flags, weights_hash, loaded);
  }
  loaded.tokenizer = tokenizer.get();
  check_vocabulary(flags, *loaded.tokenizer, loaded.summary.vocab_size);
  loaded.scheduler.receipt.model = flags.name;
  loaded.scheduler.receipt.weights = weights_hash;
  spdlog::info("loaded {}: {}", flags.folder, gpt2::to_string(loaded.summary));
  return loaded;
}

}  // namespace inkfleet::service
