#include "bench/load/options.hpp"

#include <CLI/CLI.hpp>

#include "net/program.hpp"
#include "proto/limits.hpp"

namespace inkfleet::load {
namespace {

namespace limits = proto::limits;

constexpr const char* kFooter =
    "Example:\n"
    "  inkfleet-bench ws://127.0.0.1:9001/gpt2-demo --rate 2 --rate 4 --prompts novel.txt\n"
    "\n"
    "Exit status: 0; 1 for a failure, or when no request was completed; 2 for wrong usage.\n"
    "Each flag has a variable: --prompt-chars is INKFLEET_PROMPT_CHARS. docs/benchmarks.md says what is "
    "measured.";

/// Options that are written otherwise than they are kept.
struct Written {
  std::string protocol = "inkfleet";
  std::string arrivals = "poisson";
  int deadline_ms = 0;
  int slo_ms = 0;
};

CLI::Range within(proto::IntRange range) {
  return {range.min, range.max};
}

void describe_load(CLI::App& app, Options& options, Written& written) {
  app.add_option("URL", options.url,
                 "Where to ask: ws://HOST:PORT/MODEL, or for --protocol llama http://HOST:PORT")
      ->required();
  app.add_option("--protocol", written.protocol, "What is spoken there")
      ->check(CLI::IsMember({"inkfleet", "llama"}));
  app.add_option("--rate", options.rates, "Requests a second; several are measured one after the other")
      ->delimiter(',')
      ->default_str("")
      ->allow_extra_args(false)
      ->check(CLI::Range(0.001, 1e6));
  app.add_option("--closed", options.closed,
                 "Instead of a rate: keep so many requests running, to see what the server can do")
      ->excludes("--rate")
      ->check(CLI::Range(1, 10'000));
  app.add_option("--arrivals", written.arrivals, "Random (poisson) or even (uniform) gaps between requests")
      ->check(CLI::IsMember({"poisson", "uniform"}));
  app.add_option("--duration", options.duration_s, "Seconds of arrivals that are measured, at each rate")
      ->check(CLI::Range(0.1, 86'400.0));
  app.add_option("--warmup", options.warmup_s, "Seconds of arrivals before them that are not")
      ->check(CLI::Range(0.0, 3'600.0));
  app.add_option("--connections", options.connections, "WebSockets to spread the requests over")
      ->check(CLI::Range(1, static_cast<int>(limits::kConnectionsPerAddress)));
}

void describe_requests(CLI::App& app, Options& options, Written& written) {
  app.add_option("--prompts", options.prompts, "Text file to cut the prompts from")->required();
  app.add_option("--prompt-chars", options.prompt_chars, "Characters of a prompt")
      ->check(CLI::Range(1, 60'000));
  app.add_option("-n,--suggestions", options.shape.n, "Suggestions a request")
      ->check(within(limits::kSuggestions));
  app.add_option("--max-tokens", options.shape.max_tokens, "Length of a suggestion, in tokens")
      ->check(within(limits::kMaxTokens));
  app.add_option("--temperature", options.shape.temperature, "0 always takes the most probable token")
      ->check(CLI::Range(limits::kTemperature.min, limits::kTemperature.max));
  app.add_option("--top-k", options.shape.top_k, "Choose among so many tokens; 0 is off")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--seed", options.seed, "Of arrivals, prompts and sampling: the same seed, the same load")
      ->check(CLI::Range(limits::kSeed.min, limits::kSeed.max / 2));
  app.add_option("--deadline-ms", written.deadline_ms, "Milliseconds from its arrival a request may take")
      ->check(within(limits::kDeadlineMs));
  app.add_option("--slo-first-token-ms", written.slo_ms,
                 "Goodput counts requests whose first token came within so many milliseconds")
      ->check(CLI::Range(1, 600'000));
  app.add_option("--json", options.json, "File to write all figures to");
}

}  // namespace

CommandLine read_command_line(int argc, char** argv) {
  CLI::App app("Sends requests at a fixed rate, whether they are answered or not, and measures the answers.",
               "inkfleet-bench");
  app.option_defaults()->always_capture_default();
  app.footer(kFooter);
  app.set_version_flag("--version", "inkfleet-bench " + std::string(net::version()));
  Options options;
  Written written{.deadline_ms = static_cast<int>(options.deadline.count()),
                  .slo_ms = static_cast<int>(options.slo_first_token.count())};
  describe_load(app, options, written);
  describe_requests(app, options, written);
  app.callback([&] {
    if (options.rates.empty() && options.closed == 0) throw CLI::RequiredError("--rate or --closed");
  });
  if (const auto status = net::parse_command_line(app, argc, argv)) return {.exit_code = *status};
  options.protocol = written.protocol == "llama" ? Protocol::kLlama : Protocol::kInkfleet;
  options.arrivals = written.arrivals == "uniform" ? ArrivalProcess::kUniform : ArrivalProcess::kPoisson;
  options.deadline = std::chrono::milliseconds(written.deadline_ms);
  options.slo_first_token = std::chrono::milliseconds(written.slo_ms);
  return {.options = std::move(options)};
}

}  // namespace inkfleet::load
