#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace inkfleet::net {

/// What a progress bar counts, and what people are told of it.
struct ProgressUnit {
  std::uint64_t size;
  std::string_view name;
};
inline constexpr ProgressUnit kBytesAsMegabytes{1U << 20U, "MB"};
inline constexpr ProgressUnit kMillisecondsAsSeconds{1000, "s"};

/// "title [=====     ]  50%  700 of 1400 MB", in one line of `width` columns at most.
std::string progress_line(std::string_view title, std::uint64_t done, std::uint64_t total, ProgressUnit unit,
                          int width);

/// How far long work is, for a person at a terminal: a line on stderr that is drawn again and again, and gone
/// when the work ends. Draws nothing where stderr is no terminal. One thread.
class ProgressBar {
 public:
  explicit ProgressBar(std::string title, ProgressUnit unit = kBytesAsMegabytes);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// Whether anybody sees it: otherwise log instead.
  [[nodiscard]] bool visible() const { return width_ > 0; }

  /// Draws at most once for each hundredth.
  void update(std::uint64_t done, std::uint64_t total);

 private:
  std::string title_;
  ProgressUnit unit_;
  int width_ = 0;            ///< columns of the terminal; 0: none
  std::uint64_t drawn_ = 0;  ///< hundredths
};

}  // namespace inkfleet::net
