// inkfleet-bench: load at a fixed arrival rate, and what it does to latency.

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <exception>
#include <fstream>
#include <memory>
#include <stdexcept>

#include "bench/load/inkfleet_driver.hpp"
#include "bench/load/llama_driver.hpp"
#include "bench/load/load.hpp"
#include "bench/load/report.hpp"
#include "net/program.hpp"

namespace inkfleet::load {
namespace {

namespace asio = boost::asio;

void print(std::FILE* to, const std::string& text) {
  std::fputs(text.c_str(), to);
  std::fflush(to);
}

std::unique_ptr<Driver> make_driver(asio::io_context& io, const Options& options) {
  if (options.protocol == Protocol::kLlama) {
    return std::make_unique<LlamaDriver>(io.get_executor(), parse_llama_url(options.url), options.shape);
  }
  return std::make_unique<InkfleetDriver>(io.get_executor(), net::parse_websocket_url("URL", options.url),
                                          options.connections, options.shape);
}

asio::awaitable<void> run_all(Driver& driver, Load& load, const Options& options,
                              std::vector<StepReport>& steps) {
  co_await driver.open();
  print(stdout, describe(options) + table_head());
  const auto tell = [&](const StepReport& step) {
    print(stdout, table_row(step) + error_line(step));
    print(stderr, warning(step));
    steps.push_back(step);
  };
  if (options.closed > 0) tell(co_await load.run_closed(static_cast<std::size_t>(options.closed)));
  for (const double rate : options.rates) tell(co_await load.run(rate));
  co_await driver.close();
}

void write_json(const Options& options, const std::vector<StepReport>& steps) {
  std::ofstream file(options.json);
  file << to_json(options, steps).dump(1) << '\n';
  if (!file.flush()) throw std::runtime_error("--json " + options.json + ": cannot be written");
}

/// Whether any request was completed.
bool run(const Options& options) {
  asio::io_context io(1);
  PromptSource prompts(read_text(options.prompts), options.prompt_chars, options.seed);
  const auto driver = make_driver(io, options);
  Load load(*driver, prompts, options);
  std::vector<StepReport> steps;
  asio::co_spawn(io, run_all(*driver, load, options, steps), [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  });
  io.run();
  if (!options.json.empty()) write_json(options, steps);
  return std::ranges::any_of(steps, [](const StepReport& step) { return step.completed > 0; });
}

}  // namespace
}  // namespace inkfleet::load

int main(int argc, char** argv) {
  using namespace inkfleet;
  const auto [options, exit_code] = load::read_command_line(argc, argv);
  if (!options) return exit_code;
  try {
    net::start_log("warn", "text");
    if (load::run(*options)) return 0;
    std::fputs("error: no request was completed\n", stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
  }
  return 1;
}
