#include "model-service/model_check.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>
#include <vector>

#include "model-service/gpt2/cpu_model.hpp"
#include "model-service/gpt2/model_summary.hpp"
#include "model-service/gpu/gpu_model.hpp"
#include "model-service/model_trial.hpp"
#include "net/file.hpp"
#include "net/terminal.hpp"

namespace inkfleet::service {
namespace {

struct Tried {
  std::string_view dtype;
  Trial trial;
};

/// For a person who waits at a terminal.
void tell_progress(std::string_view dtype) {
  if (net::is_terminal(STDERR_FILENO)) fmt::print(stderr, "trying {} ...\n", dtype);
}

double megabytes(std::size_t bytes) {
  return static_cast<double>(bytes) / (1 << 20U);
}

void print_memory(const std::vector<Tried>& all) {
  fmt::print("\n{:6}{:>12}{:>16}{:>28}\n", "dtype", "memory MB", "while loading",
             "and for each full context");
  for (const auto& [dtype, trial] : all) {
    fmt::print("{:6}{:12.0f}{:16.0f}{:28.1f}\n", dtype, megabytes(trial.memory), megabytes(trial.peak_memory),
               megabytes(trial.context_bytes));
  }
}

/// Computed, not tried: it takes no GPU to say.
void print_gpu_memory(const std::string& folder) {
  const auto config = gpt2::load_config(folder);
  const gpt2::Checkpoint checkpoint(folder);
  const auto needed = gpu::memory_on_gpu(config, gpt2::has_tied_head(checkpoint, config));
  const auto context = static_cast<std::size_t>(needed.position_bytes) * config.context_length;
  fmt::print(
      "\non a GPU, fp16 or bf16: {:.2f} MB of weights; keys and values {:.1f} KB a token, {:.1f} MB a full "
      "context\n",
      megabytes(needed.weights_bytes), static_cast<double>(needed.position_bytes) / 1024, megabytes(context));
}

void print_perplexity(const std::vector<Tried>& all, const std::string& file) {
  const auto& first = all.front().trial;
  if (!first.perplexity) return;
  fmt::print("\nperplexity on {} ({} tokens in windows of {}), less is better\n", file, first.tokens,
             first.window);
  for (const auto& [dtype, trial] : all) {
    fmt::print("{:6}{:12.4f}{:+15.2f}%\n", dtype, *trial.perplexity,
               (*trial.perplexity / *first.perplexity - 1) * 100);
  }
}

void print_choice(const std::vector<Tried>& all, int cache_mb) {
  const auto chosen = std::ranges::find(all, gpt2::name(gpt2::best_compute_type()), &Tried::dtype);
  fmt::print("\n--dtype auto is {} here; --cache-mb {} holds {} full contexts of it\n", chosen->dtype,
             cache_mb, (static_cast<std::size_t>(cache_mb) << 20U) / chosen->trial.context_bytes);
}

}  // namespace

void check_model(const ModelFlags& flags, const std::string& text_file) {
  spdlog::set_level(std::max(spdlog::get_level(), spdlog::level::warn));
  const auto text = text_file.empty() ? "" : net::read_file(text_file);
  if (flags.device == "cuda") {
    throw std::runtime_error(
        "--device: expected cpu or auto with --check, which tries number formats on the CPU and says what a "
        "GPU "
        "needs beside them; found cuda");
  }
  std::vector<Tried> all;
  for (const auto& [dtype, type] : gpt2::kComputeTypes) {
    tell_progress(dtype);
    auto tried = flags;
    tried.device = "cpu";
    tried.dtype = dtype;
    tried.packed_cache = "off";
    try {
      all.push_back({dtype, try_model(tried, text)});
    } catch (const std::runtime_error& e) {
      throw std::runtime_error(fmt::format("cannot be served in {}: {}", dtype, e.what()));
    }
  }
  fmt::print("{} can be served\n{}\n", flags.folder, all.front().trial.summary);
  print_memory(all);
  print_gpu_memory(flags.folder);
  print_perplexity(all, text_file);
  print_choice(all, flags.cpu_cache_mb());
}

}  // namespace inkfleet::service
