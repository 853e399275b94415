#include "tests/unit/tokenizer/recorded.hpp"

#include <stdlib.h>
#include <zlib.h>

#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace inkfleet::tokenizer::recorded {
namespace {

using nlohmann::json;

const std::string kData = "tests/data/tokenizer/";

std::string unpack(const std::filesystem::path& file) {
  const gzFile stream = gzopen(file.c_str(), "rb");
  if (!stream) throw std::runtime_error("cannot open " + file.string());
  std::string content;
  char buffer[1 << 16];
  int count = 0;
  while ((count = gzread(stream, buffer, sizeof buffer)) > 0) content.append(buffer, count);
  gzclose(stream);
  if (count < 0) throw std::runtime_error("damaged: " + file.string());
  return content;
}

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

std::vector<Encoding> read_encodings() {
  std::istringstream lines(unpack(source_path(kData + "encodings.jsonl.gz")));
  std::string line;
  std::getline(lines, line);
  const std::size_t count = json::parse(line).at("count");
  std::vector<Encoding> encodings;
  while (std::getline(lines, line)) {
    const json record = json::parse(line);
    const std::string text = record.at("text");
    const auto hex = record.find("hex");
    encodings.push_back({record.at("kind"), hex == record.end() ? text : from_hex(*hex), text,
                         record.at("demo"), record.at("gpt2")});
  }
  if (encodings.size() != count) throw std::runtime_error("encodings.jsonl.gz: wrong count of lines");
  return encodings;
}

}  // namespace

std::filesystem::path source_path(const std::string& path) {
  return std::filesystem::path(INKFLEET_SOURCE_DIR) / path;
}

std::filesystem::path demo_model() {
  return source_path("models/gpt2-demo");
}
std::filesystem::path gpt2_vocabulary() {
  return source_path("tests/data/gpt2-vocab");
}

const std::vector<Encoding>& encodings() {
  static const std::vector<Encoding> all = read_encodings();
  return all;
}

json read_json(const std::string& file) {
  std::ifstream stream(source_path(kData + file));
  return json::parse(stream);
}

json read_packed_json(const std::string& file) {
  return json::parse(unpack(source_path(kData + file)));
}

std::string printable(const std::string& bytes) {
  std::string text;
  for (const unsigned char byte : bytes) {
    char escaped[5];
    if (byte < 0x20 || byte >= 0x7F) {
      std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
      text += escaped;
    } else {
      text += static_cast<char>(byte);
    }
  }
  return text;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "tokenizer-test-XXXXXX").string();
  if (!mkdtemp(name.data())) throw std::runtime_error("cannot make a temporary folder");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void TemporaryFolder::write(const std::string& name, const std::string& content) const {
  std::ofstream(path_ / name, std::ios::binary) << content;
}

void TemporaryFolder::copy(const std::filesystem::path& file) const {
  std::filesystem::copy_file(file, path_ / file.filename());
}

}  // namespace inkfleet::tokenizer::recorded
