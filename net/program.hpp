#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "net/aliases.hpp"

namespace inkfleet::net {

/// The flags every server has; of other programs, those of the log.
struct CommonFlags {
  std::string listen;        ///< ADDR:PORT
  std::string admin_listen;  ///< ADDR:PORT; empty: none
  std::string log_level = "info";
  std::string log_format = "text";
};

/// A program's main, less what is its own: flags with their environment variables, log, exit status.
///
///   int main(int argc, char** argv) {
///     Program program("inkfleet-model", "Serves one GPT-2 model");
///     program.add_server_flags();
///     program.cli().add_option("--threads", threads, "Engine threads");
///     return program.run(argc, argv, [&] { serve(program.flags(), threads); });
///   }
class Program {
 public:
  Program(std::string name, std::string description);

  /// --listen and --admin-listen.
  void add_server_flags();

  /// For flags of the program's own. Each gets the variable environment_name() derives.
  CLI::App& cli() { return cli_; }

  CommonFlags& flags() { return flags_; }

  /// Parses the command line, starts the log on stderr, runs `body`. Returns 0, 2 for wrong usage, or 1 after
  /// printing "error: cause; remedy" for what `body` threw.
  int run(int argc, char** argv, const std::function<void()>& body);

 private:
  CLI::App cli_;
  CommonFlags flags_;
};

/// Parses a command line, in which each flag may also come by its variable. Nothing when the program may go
/// on, else its exit status: 0 after --help and --version, 2 for wrong usage, said in one line on stderr.
std::optional<int> parse_command_line(CLI::App& cli, int argc, char** argv);

/// "--admin-listen" -> "INKFLEET_ADMIN_LISTEN"
std::string environment_name(std::string_view flag);

/// The version every program prints.
std::string_view version();

/// Sends the log to stderr, as lines of text or of JSON.
void start_log(const std::string& level, const std::string& format);

/// Prints "listening ADDR:PORT", then "ready", on stdout at once: what scripts wait for. The latter is told
/// to systemd too.
void announce_listening(const tcp::endpoint& endpoint);
void announce_ready();

/// Returns at the first SIGTERM or SIGINT. A second one then ends the process at once, as by default.
asio::awaitable<void> termination_signal();

}  // namespace inkfleet::net
