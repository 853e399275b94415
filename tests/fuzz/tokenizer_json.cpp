// tokenizer.json: what loads encodes any text into its own ids; an error names the file.

#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/tokenizers.hpp"

using namespace inkfleet;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  folder.write("tokenizer.json", fuzz::text_of(data, size));
  std::unique_ptr<tokenizer::Tokenizer> loaded;
  if (fuzz::loads(folder.path(), [&] { loaded = tokenizer::load_tokenizer(folder.path()); }))
    fuzz::check(*loaded);
  return 0;
}
