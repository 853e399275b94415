#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bench/load/arrivals.hpp"
#include "bench/load/driver.hpp"

namespace inkfleet::load {

enum class Protocol {
  kInkfleet,  ///< ours, over WebSocket
  kLlama,     ///< llama-server's stream over HTTP
};

/// What the command line asks for.
struct Options {
  std::string url;
  Protocol protocol = Protocol::kInkfleet;
  std::vector<double> rates;  ///< requests a second, measured one after the other
  int closed = 0;             ///< instead of rates: so many requests are kept running
  ArrivalProcess arrivals = ArrivalProcess::kPoisson;
  double duration_s = 30;
  double warmup_s = 5;
  int connections = 8;
  std::filesystem::path prompts;
  std::size_t prompt_chars = 450;
  RequestShape shape;
  std::uint64_t seed = 1;
  std::chrono::milliseconds deadline{60'000};
  std::chrono::milliseconds slo_first_token{1'000};
  std::string json;  ///< a file; empty: none
};

/// Reads the command line and the environment. Without a value when the program is to end at once with
/// `exit_code`, having said why.
struct CommandLine {
  std::optional<Options> options;
  int exit_code = 0;
};
CommandLine read_command_line(int argc, char** argv);

}  // namespace inkfleet::load
