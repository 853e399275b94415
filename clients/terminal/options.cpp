#include "clients/terminal/options.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>
#include <limits>

#include "net/program.hpp"
#include "proto/limits.hpp"

namespace inkfleet::terminal {
namespace {

constexpr const char* kFooter =
    "Example:\n"
    "  inkfleet-suggest ws://127.0.0.1:8080/gpt2-demo \"Once upon a time\" -n 3\n"
    "\n"
    "Exit status: 0; 1 for a failure, told in one line; 2 for wrong usage.\n"
    "Each flag has a variable: --max-tokens is INKFLEET_MAX_TOKENS. docs/configuration.md says more.";

CLI::Range within(proto::IntRange range) {
  return {range.min, range.max};
}
CLI::Range within(proto::RealRange range) {
  return {range.min, range.max};
}

void describe(CLI::App& app, Options& options, double& deadline_s) {
  namespace limits = proto::limits;
  proto::Suggest& request = options.request;
  app.add_option("URL", options.url, "Where to ask: ws://HOST:PORT/MODEL")->required();
  app.add_option("TEXT", request.prompt, "The text to go on with; - reads it from standard input")
      ->required();
  app.add_option("-n,--suggestions", request.n, "How many suggestions")->check(within(limits::kSuggestions));
  app.add_option("--max-tokens", request.max_tokens, "Length of a suggestion, in tokens")
      ->check(within(limits::kMaxTokens));
  app.add_option("--temperature", request.temperature, "0 always takes the most probable token")
      ->check(within(limits::kTemperature));
  app.add_option("--top-k", request.top_k, "Choose among so many tokens; 0 is off")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--top-p", request.top_p, "Choose among the tokens that reach this probability; 0 is off")
      ->check(within(limits::kTopP));
  app.add_option("--seed", request.seed, "The same seed gives the same text; drawn when absent")
      ->check(within(limits::kSeed));
  app.add_option("--stop", request.stop, "End a suggestion before this string; up to 4 times")
      ->allow_extra_args(false)
      ->expected(1, limits::kStopStrings);
  app.add_option("--deadline", deadline_s, "Seconds the whole request may take")
      ->check(CLI::Range(limits::kDeadlineMs.min / 1000.0, limits::kDeadlineMs.max / 1000.0));
  app.add_option("--key-file", options.key_file, "File that holds the API key to bring along");
  app.add_flag("--json", options.json, "Show the server's frames, one a line");
}

}  // namespace

CommandLine read_command_line(int argc, char** argv) {
  CLI::App app("Streams suggestions of how a text goes on from an inkfleet gateway or model service.",
               "inkfleet-suggest");
  app.option_defaults()->always_capture_default();
  app.footer(kFooter);
  app.set_version_flag("--version", "inkfleet-suggest " + std::string(net::version()));
  Options options;
  options.request.id = "1";
  double deadline_s = std::chrono::duration<double>(options.request.deadline).count();
  describe(app, options, deadline_s);
  if (const auto status = net::parse_command_line(app, argc, argv)) return {.exit_code = *status};
  options.request.deadline = std::chrono::milliseconds(static_cast<std::int64_t>(deadline_s * 1000));
  if (options.request.prompt == "-") {
    options.request.prompt.assign(std::istreambuf_iterator<char>(std::cin), {});
  }
  return {.options = std::move(options)};
}

}  // namespace inkfleet::terminal
