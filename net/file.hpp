#pragma once

#include <string>

namespace inkfleet::net {

/// The bytes of a file. Throws std::runtime_error with one line that names it and why it cannot be read.
std::string read_file(const std::string& file);

}  // namespace inkfleet::net
