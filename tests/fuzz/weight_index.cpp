// model.safetensors.index.json: whatever it says, no file is read outside the model's folder.

#include "model-service/gpt2/checkpoint.hpp"
#include "tests/fuzz/fuzz.hpp"

using inkfleet::fuzz::require;
using namespace inkfleet;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  constexpr auto kIndex = "model.safetensors.index.json";
  folder.write(kIndex, fuzz::text_of(data, size));
  std::vector<std::filesystem::path> files;
  if (!fuzz::loads((folder.path() / kIndex).string() + ": ",
                   [&] { files = gpt2::find_weight_files(folder.path()); })) {
    return 0;
  }
  require(!files.empty(), "there is a file");
  for (const auto& file : files) {
    require(file.parent_path() == folder.path(), "a file lies in the folder");
    require(file.has_filename() && file.filename() != ".." && file.filename() != ".", "a file has a name");
    require(file.string().find('\0') == std::string::npos, "a file's name has no end within");
  }
  return 0;
}
