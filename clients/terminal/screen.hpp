#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace inkfleet::terminal {

/// Shows suggestions while they grow.
class Screen {
 public:
  virtual ~Screen() = default;
  virtual void append(int index, std::string_view text) = 0;
  /// All suggestions are complete, or no more will come.
  virtual void finish() = 0;
};

/// Of one suggestion, the text as it comes. Of several, on a terminal all of them grow side by side;
/// elsewhere each is a line of its index, a tab and its text with newlines written as \n, once all are
/// complete.
std::unique_ptr<Screen> make_screen(std::string_view prompt, int suggestions);

}  // namespace inkfleet::terminal
