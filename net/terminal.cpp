#include "net/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>

namespace inkfleet::net {

constexpr int kUsualColumns = 80;

bool is_terminal(int file) {
  return ::isatty(file) == 1;
}

int terminal_columns(int file) {
  if (!is_terminal(file)) return 0;
  winsize size{};
  const bool known = ::ioctl(file, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kUsualColumns;
}

bool takes_colors(int file) {
  const char* no_color = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): nothing sets variables
  return is_terminal(file) && (no_color == nullptr || *no_color == '\0');
}

}  // namespace inkfleet::net
