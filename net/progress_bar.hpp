#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace inkfleet::net {

/// "title [=====>    ]  50%  700 of 1400 MB", in one line of `width` columns at most.
std::string progress_line(std::string_view title, std::uint64_t done_bytes, std::uint64_t total_bytes,
                          int width);

/// How far long work is, for a person at a terminal: a line on stderr that is drawn again and again, and gone
/// when the work ends. Draws nothing where stderr is no terminal. One thread.
class ProgressBar {
 public:
  explicit ProgressBar(std::string title);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Whether anybody sees it: otherwise log instead.
  [[nodiscard]] bool visible() const { return width_ > 0; }

  /// Draws at most once for each hundredth.
  void update(std::uint64_t done_bytes, std::uint64_t total_bytes);

 private:
  std::string title_;
  int width_ = 0;            ///< columns of the terminal; 0: none
  std::uint64_t drawn_ = 0;  ///< hundredths
};

}  // namespace inkfleet::net
