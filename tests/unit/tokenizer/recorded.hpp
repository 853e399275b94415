#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.hpp"

/// What the `tokenizers` package said (tests/data/tokenizer/record.py).
namespace inkfleet::tokenizer::recorded {

struct Encoding {
  std::string kind;   // what the text is an example of
  std::string bytes;  // what is encoded, maybe not UTF-8
  std::string text;   // its repair by Python's errors="replace"
  std::vector<TokenId> demo, gpt2;
};

std::filesystem::path source_path(const std::string& path);
std::filesystem::path demo_model();
std::filesystem::path gpt2_vocabulary();

/// All recorded encodings, read once.
const std::vector<Encoding>& encodings();

nlohmann::json read_json(const std::string& file_in_data_folder);
nlohmann::json read_packed_json(const std::string& file_in_data_folder);

/// Bytes for a message: printable ASCII as it is, the rest as \xNN.
std::string printable(const std::string& bytes);

/// A folder of its own for each test, removed at its end.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  void write(const std::string& name, const std::string& content) const;
  void copy(const std::filesystem::path& file) const;

 private:
  std::filesystem::path path_;
};

}  // namespace inkfleet::tokenizer::recorded
