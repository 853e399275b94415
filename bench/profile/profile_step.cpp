// profile_step: one decode step of n suggestions that share a prompt, repeated; what it costs.

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model-service/engine/sampler.hpp"
#include "model-service/gpt2/checkpoint.hpp"
#include "model-service/gpt2/cpu_model.hpp"
#include "model-service/gpt2/weights_hash.hpp"

namespace inkfleet {
namespace {

using engine::BlockId;
using engine::StepSlice;
using engine::TokenId;

constexpr int kPromptTokens = 100;

struct Options {
  std::string model;
  int n = 5;
  int threads = 1;
  int length = 120;  ///< positions of each suggestion, the prompt's included
  int steps = 20;
  bool separate = false;           ///< prompts of their own instead of a shared one
  bool wait = false;               ///< for a line on stdin before the measured steps
  std::optional<gpt2::KvType> kv;  ///< that of the service when not given
  gpt2::ComputeType dtype = gpt2::ComputeType::kFp32;
  std::string packed_cache;  ///< a folder; empty: none
  int top_k = 10;            ///< of sampling; -1: none
  double top_p = 0;
};

gpt2::KvType kv_type(const std::string& name) {
  if (name == "int8") return gpt2::KvType::kInt8;
  return name == "fp16" ? gpt2::KvType::kFp16 : gpt2::KvType::kFp32;
}

Options parse(int argc, char** argv) {
  std::map<std::string, std::string> given;
  for (int i = 1; i + 1 < argc; i += 2) given[argv[i]] = argv[i + 1];
  const auto number = [&given](const char* name, double otherwise) {
    return given.contains(name) ? std::atof(given[name].c_str()) : otherwise;
  };
  Options options{.model = given["--model"]};
  options.n = static_cast<int>(number("--n", options.n));
  options.threads = static_cast<int>(number("--threads", options.threads));
  options.length = static_cast<int>(number("--length", options.length));
  options.steps = static_cast<int>(number("--steps", options.steps));
  options.separate = number("--separate", 0) != 0;
  options.wait = number("--wait", 0) != 0;
  if (given.contains("--kv")) options.kv = kv_type(given["--kv"]);
  if (given.contains("--dtype")) options.dtype = gpt2::compute_type(given["--dtype"]);
  options.packed_cache = given["--packed-cache"];
  options.top_k = static_cast<int>(number("--top-k", options.top_k));
  options.top_p = number("--top-p", 0);
  return options;
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

/// Suggestions of `length` - 1 positions in the cache, as the scheduler lays them out: whole blocks of the
/// prompt shared, all else their own.
class Suggestions {
 public:
  Suggestions(gpt2::CpuModel& model, const Options& options) : model_(model), options_(options) {
    std::vector<BlockId> prompt;
    for (int i = 0; i < options.n; ++i) {
      if (i == 0 || options.separate) prompt = feed(0, kPromptTokens, {}, i);
      const int whole = kPromptTokens / model.shape().block_tokens;
      std::vector<BlockId> table(prompt.begin(), prompt.begin() + whole);
      if (kPromptTokens % model.shape().block_tokens != 0) {
        table.push_back(next_++);
        model.copy_block(prompt[whole], table.back());
      }
      tables_.push_back(feed(kPromptTokens, options.length - 1, table, i));
    }
    tokens_.assign(options.n, 7);
    for (int i = 0; i < options.n; ++i) {
      slices_.push_back({.tokens = {&tokens_[i], 1},
                         .first_position = options.length - 1,
                         .blocks = tables_[i],
                         .wants_logits = true});
    }
  }

  /// The step at the same position again: every repetition costs the same.
  void step() {
    const auto logits = model_.step(slices_).logits;
    if (options_.top_k < 0) return;
    const std::size_t vocab = model_.shape().vocab_size;
    for (int i = 0; i < options_.n; ++i) {
      tokens_[i] = sampler_.sample(logits.subspan(i * vocab, vocab),
                                   {.top_k = options_.top_k, .top_p = options_.top_p}, 0.5);
    }
  }

 private:
  std::vector<BlockId> feed(int from, int to, std::vector<BlockId> table, int salt) {
    const int block = model_.shape().block_tokens;
    while (static_cast<int>(table.size()) * block < options_.length) table.push_back(next_++);
    std::vector<TokenId> ids;
    for (int i = from; i < to; ++i) ids.push_back((i * 7919 + salt * 104729) % 50000);
    const StepSlice slice{.tokens = ids, .first_position = from, .blocks = table};
    model_.step({&slice, 1});
    return table;
  }

  gpt2::CpuModel& model_;
  Options options_;
  BlockId next_ = 0;
  std::vector<std::vector<BlockId>> tables_;
  std::vector<TokenId> tokens_;
  std::vector<StepSlice> slices_;
  engine::Sampler sampler_;
};

void run(const Options& options) {
  const auto hash = gpt2::weights_hash(gpt2::find_weight_files(options.model));
  const auto model = gpt2::load_model(
      options.model, {.dtype = options.dtype,
                      .kv_dtype = options.kv,
                      .threads = options.threads,
                      .packed_cache = {.folder = options.packed_cache, .weights_hash = hash}});
  Suggestions suggestions(*model, options);
  for (int i = 0; i < 3; ++i) suggestions.step();
  if (options.wait) {
    std::cout << "ready\n" << std::flush;
    std::string line;
    std::getline(std::cin, line);
  }
  std::vector<double> walls;
  const double cpu = cpu_seconds();
  for (int i = 0; i < options.steps; ++i) {
    const auto start = std::chrono::steady_clock::now();
    suggestions.step();
    walls.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  const double cpu_per_step = (cpu_seconds() - cpu) / options.steps;
  std::sort(walls.begin(), walls.end());
  std::printf(
      R"({"n": %d, "threads": %d, "length": %d, "cpu_ms": %.3f, "wall_ms": %.3f, "wall_min_ms": %.3f})"
      "\n",
      options.n, options.threads, options.length, cpu_per_step * 1e3, walls[walls.size() / 2] * 1e3,
      walls.front() * 1e3);
}

}  // namespace
}  // namespace inkfleet

int main(int argc, char** argv) {
  try {
    inkfleet::run(inkfleet::parse(argc, argv));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "profile_step: %s\n", error.what());
    return 1;
  }
}
