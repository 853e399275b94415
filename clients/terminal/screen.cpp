#include "clients/terminal/screen.hpp"

#include <sys/ioctl.h>
#include <unistd.h>
#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <vector>

#include "net/terminal.hpp"

namespace inkfleet::terminal {
namespace {

constexpr std::string_view kDim = "\033[2m", kPlain = "\033[0m", kClearBelow = "\033[J";
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

void put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

/// What is not the model's own, for a terminal.
std::string dimmed(std::string_view text) {
  static const bool colors = net::takes_colors(STDOUT_FILENO);
  return colors ? std::string(kDim).append(text).append(kPlain) : std::string(text);
}

/// Text for a terminal: a model may write what a terminal would take for commands.
std::string harmless(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool control = (byte < 0x20 && c != '\n') || byte == 0x7f;
    if (c == '\t') {
      result += ' ';
    } else if (control) {
      result += kReplacement;
    } else {
      result += c;
    }
  }
  return result;
}

/// The lines of a text on a terminal of so many columns.
std::vector<std::string> wrapped(std::string_view text, int columns) {
  std::vector<std::string> lines(1);
  int used = 0;
  while (!text.empty()) {
    utf8proc_int32_t character = 0;
    const auto length = utf8proc_iterate(reinterpret_cast<const std::uint8_t*>(text.data()),
                                         static_cast<utf8proc_ssize_t>(text.size()), &character);
    const std::size_t bytes = length > 0 ? static_cast<std::size_t>(length) : 1;
    const int width = length > 0 ? utf8proc_charwidth(character) : 1;
    if (character == '\n' || used + width > columns) {
      lines.emplace_back();
      used = 0;
    }
    if (character != '\n') {
      lines.back() += text.substr(0, bytes);
      used += width;
    }
    text.remove_prefix(bytes);
  }
  return lines;
}

/// One suggestion: its text goes straight out.
class StreamScreen : public Screen {
 public:
  StreamScreen(std::string_view prompt, bool terminal) : terminal_(terminal) {
    if (terminal_) put(dimmed(harmless(prompt)));
  }
  void append(int, std::string_view text) override { put(terminal_ ? harmless(text) : std::string(text)); }
  void finish() override { put("\n"); }

 private:
  bool terminal_;
};

/// Several suggestions for a pipe or a file.
class LineScreen : public Screen {
 public:
  explicit LineScreen(int suggestions) : texts_(static_cast<std::size_t>(suggestions)) {}
  void append(int index, std::string_view text) override {
    texts_.at(static_cast<std::size_t>(index)) += text;
  }
  void finish() override {
    std::string out;
    for (std::size_t index = 0; index < texts_.size(); ++index) {
      out += std::to_string(index) + '\t';
      for (const char c : texts_[index]) c == '\n' ? out += "\\n" : out += c;
      out += '\n';
    }
    put(out);
  }

 private:
  std::vector<std::string> texts_;
};

/// Several suggestions on a terminal: while they grow each has a few rows that show its end, drawn again in
/// place; at last they are written whole.
class LiveScreen : public Screen {
 public:
  LiveScreen(std::string_view prompt, int suggestions) : texts_(static_cast<std::size_t>(suggestions)) {
    put(dimmed(harmless(prompt)) + "\n");
  }
  void append(int index, std::string_view text) override {
    texts_.at(static_cast<std::size_t>(index)) += harmless(text);
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) size = {.ws_row = 24, .ws_col = 80};
    draw(size.ws_col, std::max<int>(1, (size.ws_row - 2) / static_cast<int>(texts_.size())));
  }
  void finish() override { draw(10'000, 10'000); }

 private:
  void draw(int columns, int rows_each) {
    std::string out = drawn_rows_ > 0 ? "\033[" + std::to_string(drawn_rows_) + "A" : "";
    out.append("\r").append(kClearBelow);
    drawn_rows_ = 0;
    for (std::size_t index = 0; index < texts_.size(); ++index) {
      const std::string mark = std::to_string(index) + " |";
      const auto lines = wrapped(texts_[index], std::max(1, columns - static_cast<int>(mark.size()) - 1));
      const std::size_t hidden = lines.size() - std::min<std::size_t>(lines.size(), rows_each);
      for (std::size_t line = hidden; line < lines.size(); ++line, ++drawn_rows_) {
        out.append(dimmed(mark)).append(lines[line]).append("\n");
      }
    }
    put(out);
  }

  std::vector<std::string> texts_;
  int drawn_rows_ = 0;
};

}  // namespace

std::unique_ptr<Screen> make_screen(std::string_view prompt, int suggestions) {
  const bool terminal = net::is_terminal(STDOUT_FILENO);
  if (suggestions == 1) return std::make_unique<StreamScreen>(prompt, terminal);
  if (terminal) return std::make_unique<LiveScreen>(prompt, suggestions);
  return std::make_unique<LineScreen>(suggestions);
}

}  // namespace inkfleet::terminal
