// vocab.json, merges.txt and the small files beside them: what loads encodes any text; an error names a file
// of the folder.

#include <array>

#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/tokenizers.hpp"

using namespace inkfleet;

namespace {

constexpr std::array kNames{"vocab.json", "merges.txt", "tokenizer_config.json", "added_tokens.json",
                            "special_tokens_map.json"};

/// The input is the files, a line of "---" between them; those that are not there are not written.
void write_files(const fuzz::Folder& folder, std::string_view input) {
  constexpr std::string_view kBetween = "\n---\n";
  for (const char* name : kNames) {
    std::filesystem::remove(folder.path() / name);
    if (input.empty()) continue;
    const auto end = std::min(input.find(kBetween), input.size());
    if (end > 0) folder.write(name, input.substr(0, end));
    input.remove_prefix(std::min(end + kBetween.size(), input.size()));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  write_files(folder, fuzz::text_of(data, size));
  std::unique_ptr<tokenizer::Tokenizer> loaded;
  if (fuzz::loads(folder.path(), [&] { loaded = tokenizer::load_tokenizer(folder.path()); }))
    fuzz::check(*loaded);
  return 0;
}
