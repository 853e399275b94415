#pragma once

namespace inkfleet::net {

/// Whether a person may read what is written to `file` (STDOUT_FILENO, STDERR_FILENO).
bool is_terminal(int file);

/// Columns of the terminal at `file`; 0 where it is none.
int terminal_columns(int file);

/// Whether to write to `file` in colours: to a terminal, unless NO_COLOR is set and not empty (no-color.org).
bool takes_colors(int file);

}  // namespace inkfleet::net
