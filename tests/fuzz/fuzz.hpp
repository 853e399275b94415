#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

/// What the fuzz targets share. A target is LLVMFuzzerTestOneInput, linked with libFuzzer by the preset
/// `fuzz` and with replay.cpp everywhere else.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace inkfleet::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Ends the program, saying what was violated.
inline void require(bool held, std::string_view what) {
  if (held) return;
  std::fprintf(stderr, "violated: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

/// A folder of this process for parsers that read files; in memory, where the system has such a place.
class Folder {
 public:
  Folder() {
    const auto base = std::filesystem::is_directory("/dev/shm") ? std::filesystem::path("/dev/shm")
                                                                : std::filesystem::temp_directory_path();
    std::string pattern = (base / "inkfleet-fuzz-XXXXXX").string();
    require(::mkdtemp(pattern.data()) != nullptr, "a folder for the input can be made");
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  void write(const std::string& name, std::string_view bytes) const {
    std::ofstream stream(path_ / name, std::ios::binary);
    stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    stream.close();
    require(stream.good(), "the input can be written");
  }

 private:
  std::filesystem::path path_;
};

/// Runs a loader and requires that it ends well or with the error that is promised to whoever started the
/// program: a std::runtime_error whose message begins with `place` and says more. Returns whether it ended
/// well.
template <class Load>
bool loads(const std::string& place, Load load) {
  try {
    load();
    return true;
  } catch (const std::runtime_error& error) {
    const std::string_view message = error.what();
    require(message.starts_with(place), "an error names the file at its beginning");
    require(message.size() > place.size() + 2, "an error says what was wrong");
    require(message.find('\0') == message.npos, "an error is text");
    return false;
  }
}

}  // namespace inkfleet::fuzz
