#include "bench/load/sse.hpp"

namespace inkfleet::load {

void SseParser::feed(std::string_view bytes, const OnData& on_data) {
  while (!bytes.empty()) {
    const bool second_half = after_return_ && bytes.front() == '\n';  // of \r\n, which is one end of line
    after_return_ = false;
    if (second_half) {
      bytes.remove_prefix(1);
      continue;
    }
    const auto end = bytes.find_first_of("\r\n");
    line_ += bytes.substr(0, end);
    if (end == bytes.npos) return;
    after_return_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    end_line(on_data);
    line_.clear();
  }
}

void SseParser::end_line(const OnData& on_data) {
  constexpr std::string_view kData = "data:";
  if (line_.starts_with(kData)) {
    std::string_view value = std::string_view(line_).substr(kData.size());
    if (value.starts_with(' ')) value.remove_prefix(1);
    data_.append(value).append("\n");
  } else if (line_.empty() && !data_.empty()) {
    data_.pop_back();
    on_data(data_);
    data_.clear();
  }
}

}  // namespace inkfleet::load
