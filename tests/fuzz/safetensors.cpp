// A file of weights: tensors lie within the file and are as large as they say; an error names the file.

#include "model-service/gpt2/safetensors.hpp"

#include <cstring>

#include "tests/fuzz/fuzz.hpp"

using inkfleet::fuzz::require;
using namespace inkfleet;

namespace {

void check(const gpt2::SafetensorsFile& file, std::string_view bytes) {
  std::uint64_t header = 0;
  std::memcpy(&header, bytes.data(), sizeof header);
  std::size_t sum = 0;
  for (const auto& [name, tensor] : file.tensors()) {
    require(tensor.elements() >= 0, "there are no fewer elements than none");
    require(static_cast<std::size_t>(tensor.elements()) <= tensor.bytes.size(),
            "an element has a byte or more");
    sum += tensor.bytes.size();
    unsigned touched = 0;
    for (const std::byte b : tensor.bytes) touched += std::to_integer<unsigned>(b);
    require(touched <= 255 * tensor.bytes.size(), "its bytes can be read");
  }
  // A file is mapped: a byte behind its end could be read all the same.
  require(sum <= bytes.size() - sizeof header - header, "tensors lie in the file and do not overlap");
}

}  // namespace

/// The length of the header is made to fit when the first byte is odd: mutations seldom guess it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  std::string bytes(fuzz::text_of(data, size));
  if (bytes.size() > 8 && (bytes[0] & 1) != 0) {
    const std::uint64_t length = std::min(bytes.rfind('}') - 7, bytes.size() - 8);
    bytes.replace(0, 8, reinterpret_cast<const char*>(&length), 8);
  }
  folder.write("model.safetensors", bytes);
  const auto path = folder.path() / "model.safetensors";
  std::optional<gpt2::SafetensorsFile> file;
  if (fuzz::loads(path.string() + ": ", [&] { file.emplace(path); })) check(*file, bytes);
  return 0;
}
