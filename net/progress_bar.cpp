#include "net/progress_bar.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "net/terminal.hpp"

namespace inkfleet::net {

std::string progress_line(std::string_view title, std::uint64_t done, std::uint64_t total, ProgressUnit unit,
                          int width) {
  total = std::max<std::uint64_t>(total, 1);
  done = std::min(done, total);
  const auto figures =
      fmt::format("{:3}%  {} of {} {}", done * 100 / total, done / unit.size, total / unit.size, unit.name);
  const int room = width - static_cast<int>(title.size() + figures.size()) - 5;  // brackets, spaces
  auto line = room < 4
                  ? fmt::format("{} {}", title, figures)
                  : fmt::format("{} [{:{}}] {}", title, std::string(done * room / total, '='), room, figures);
  return line.substr(0, std::max(width - 1, 0));
}

ProgressBar::ProgressBar(std::string title, ProgressUnit unit)
    : title_(std::move(title)), unit_(unit), width_(terminal_columns(STDERR_FILENO)) {}

ProgressBar::~ProgressBar() {
  if (drawn_ > 0) fmt::print(stderr, "\r\033[K");
}

void ProgressBar::update(std::uint64_t done, std::uint64_t total) {
  if (!visible() || total == 0) return;
  const std::uint64_t hundredth = 1 + std::min(done, total) * 100 / total;
  if (hundredth == std::exchange(drawn_, hundredth)) return;
  fmt::print(stderr, "\r\033[K{}", progress_line(title_, done, total, unit_, width_));
}

}  // namespace inkfleet::net
