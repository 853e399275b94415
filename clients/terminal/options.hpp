#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proto/frames.hpp"

namespace inkfleet::terminal {

/// What the command line asks for.
struct Options {
  std::string url;
  std::string key_file;  ///< empty: no key is needed
  proto::Suggest request;
  bool json = false;  ///< show the server's frames instead of the text
};

/// Reads the command line and the environment. Without a value when the program is to end at once with
/// `exit_code`, having said why.
struct CommandLine {
  std::optional<Options> options;
  int exit_code = 0;
};
CommandLine read_command_line(int argc, char** argv);

}  // namespace inkfleet::terminal
