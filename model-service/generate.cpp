// inkfleet-generate: suggestions for one prompt, on the terminal, without a server.

#include <cstdio>
#include <exception>
#include <iostream>
#include <map>
#include <random>
#include <stdexcept>
#include <utility>

#include "model-service/engine/prompt.hpp"
#include "model-service/engine/scheduler.hpp"
#include "model-service/model_loading.hpp"
#include "net/program.hpp"
#include "proto/limits.hpp"

namespace inkfleet::service {
namespace {

class SilentObserver : public engine::Observer {
 public:
  void on_first_token(std::chrono::nanoseconds) override {}
  void on_next_token(std::chrono::nanoseconds) override {}
  void on_step(int, int) override {}
  void on_cancelled(int) override {}
  void on_completed(const proto::Usage&) override {}
  void on_failed(proto::ErrorCode) override {}
};

struct GenerateFlags {
  ModelFlags model;
  proto::Suggest suggest;
  bool greedy = false;
  bool ids = false;
};

struct Written {
  std::string text;
  std::vector<proto::TokenId> tokens;
};

constexpr const char* kFooter =
    "Example:\n"
    "  inkfleet-generate --model path/to/gpt2 --prompt \"Once upon a time\" -n 3\n"
    "\n"
    "Exit status: 0; 1 for a failure, told in one line; 2 for wrong usage.\n"
    "Each flag has a variable: --max-tokens is INKFLEET_MAX_TOKENS. docs/configuration.md says more.";

void add_options(CLI::App& cli, GenerateFlags& flags) {
  const auto range = [](proto::IntRange limits) { return CLI::Range(limits.min, limits.max); };
  auto& suggest = flags.suggest;
  flags.model.add_to(cli);
  cli.add_option("--prompt", suggest.prompt, "The text to go on from")->required();
  cli.add_option("-n", suggest.n, "Suggestions")
      ->check(range(proto::limits::kSuggestions))
      ->capture_default_str();
  cli.add_option("--max-tokens", suggest.max_tokens, "Tokens of each")
      ->check(range(proto::limits::kMaxTokens))
      ->capture_default_str();
  cli.add_option("--temperature", suggest.temperature, "0 is greedy")
      ->check(CLI::Range(proto::limits::kTemperature.min, proto::limits::kTemperature.max))
      ->capture_default_str();
  cli.add_option("--top-k", suggest.top_k, "Sample among the k most probable tokens; 0: off")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  cli.add_option("--top-p", suggest.top_p, "Sample among the fewest tokens of this probability; 0: off")
      ->check(CLI::Range(proto::limits::kTopP.min, proto::limits::kTopP.max))
      ->capture_default_str();
  auto* seed = cli.add_option("--seed", suggest.seed, "Makes the sampling repeatable")
                   ->check(range(proto::limits::kSeed));
  cli.add_flag("--greedy", flags.greedy, "Always the most probable token")->excludes(seed);
  cli.add_flag("--ids", flags.ids,
               "Print the first suggestion's token ids, separated by commas, and nothing else");
}

std::map<int, Written> generate(LoadedModel& loaded, proto::Suggest suggest) {
  SilentObserver observer;
  engine::Scheduler scheduler(loaded.model->shape(), *loaded.tokenizer, loaded.scheduler, observer);
  const auto& shape = loaded.model->shape();
  auto fitted = engine::fit_prompt(loaded.tokenizer->encode(suggest.prompt), suggest.max_tokens,
                                   shape.context_length, shape.end_of_text);
  suggest.max_tokens = fitted.max_tokens;
  suggest.deadline = std::chrono::hours(24);

  engine::Events events;
  const auto start = engine::Clock::now();
  scheduler.submit({.key = 1, .suggest = suggest, .prompt = std::move(fitted.tokens), .submitted = start},
                   start, events);
  std::map<int, Written> written;
  while (!scheduler.idle()) {
    const auto& step = scheduler.plan(engine::Clock::now(), events);
    for (const auto& [from, to] : step.copies) loaded.model->copy_block(from, to);
    scheduler.commit(loaded.model->step(step.slices), engine::Clock::now(), events);
  }
  for (const auto& event : events) {
    if (const auto* delta = std::get_if<proto::Delta>(&event.frame)) {
      auto& suggestion = written[delta->index];
      suggestion.text += delta->text;
      suggestion.tokens.insert(suggestion.tokens.end(), delta->tokens.begin(), delta->tokens.end());
    }
  }
  return written;
}

void print(const GenerateFlags& flags, std::map<int, Written> written) {
  if (flags.ids) {
    const char* separator = "";
    for (const auto token : written[0].tokens) std::cout << std::exchange(separator, ",") << token;
    std::cout << '\n';
    return;
  }
  for (int index = 0; index < flags.suggest.n; ++index) {
    if (flags.suggest.n > 1) std::cout << "[" << index << "] ";
    std::cout << written[index].text << '\n';
  }
}

void run(GenerateFlags& flags) {
  if (flags.greedy) flags.suggest.temperature = 0.0;
  if (!flags.suggest.seed) flags.suggest.seed = std::random_device{}();
  auto loaded = load_model(flags.model);
  if (flags.suggest.top_k > loaded.model->shape().vocab_size) {
    throw std::runtime_error("--top-k is " + std::to_string(flags.suggest.top_k) + ", the vocabulary has " +
                             std::to_string(loaded.model->shape().vocab_size) + " tokens");
  }
  print(flags, generate(loaded, flags.suggest));
}

}  // namespace
}  // namespace inkfleet::service

int main(int argc, char** argv) try {
  using namespace inkfleet;
  net::Program program("inkfleet-generate", "Writes suggestions for one prompt.");
  program.cli().footer(service::kFooter);
  program.flags().log_level = "warn";
  service::GenerateFlags flags;
  service::add_options(program.cli(), flags);
  return program.run(argc, argv, [&] { service::run(flags); });
} catch (const std::exception& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return 1;
}
