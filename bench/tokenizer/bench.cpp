// Encodes a text again and again on one thread. Prints one line of JSON: bytes, tokens and the megabytes a
// second of each round. bench/tokenizer/compare.py runs it beside the `tokenizers` package.
//
//   bench_tokenizer MODEL_FOLDER TEXT_FILE ROUNDS

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "tokenizer/tokenizer.hpp"

namespace {

std::string read(const char* file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw std::runtime_error(std::string("cannot read ") + file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

void run(const char* folder, const char* file, int rounds) {
  const auto tokenizer = inkfleet::tokenizer::load_tokenizer(folder);
  const std::string text = read(file);
  std::printf("{\"bytes\": %zu, \"rates\": [", text.size());
  std::size_t tokens = 0;
  for (int round = 0; round < rounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    tokens = tokenizer->encode(text).size();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::printf("%s%.3f", round ? ", " : "", static_cast<double>(text.size()) / 1e6 / took.count());
  }
  std::printf("], \"tokens\": %zu}\n", tokens);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s MODEL_FOLDER TEXT_FILE ROUNDS\n", argv[0]);
    return 1;
  }
  try {
    run(argv[1], argv[2], std::atoi(argv[3]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
}
