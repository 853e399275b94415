#include "model-service/gpt2/model_summary.hpp"

#include <iomanip>
#include <sstream>

namespace inkfleet::gpt2 {

std::string to_string(const ModelSummary& s) {
  std::ostringstream text;
  text << s.layers << " layers, " << s.width << " wide, " << s.heads << " heads, context " << s.context_length
       << ", vocabulary " << s.vocab_size << ", " << std::fixed << std::setprecision(1)
       << static_cast<double>(s.parameters) / 1e6 << " M parameters (";
  for (const std::string& dtype : s.file_dtypes) text << dtype << ", ";
  text << (s.tied_head ? "tied" : "separate") << " head) from ";
  if (s.files.size() == 1) {
    text << s.files.front().filename().string();
  } else {
    text << s.files.size() << " files";
  }
  return text.str();
}

}  // namespace inkfleet::gpt2
