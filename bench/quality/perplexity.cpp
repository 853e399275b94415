// What a number format costs: a model's perplexity on a text in fp32 and in int8 (or bf16).
//
//     perplexity MODEL TEXT [WINDOW [TOKENS [DTYPE]]]
#include "model-service/gpt2/perplexity.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "model-service/gpt2/cpu_model.hpp"
#include "tokenizer/tokenizer.hpp"

namespace {

using namespace inkfleet;

std::string read_text(const char* path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw std::runtime_error(std::string(path) + ": cannot be read");
  return {std::istreambuf_iterator<char>(stream), {}};
}

double measure(const char* folder, gpt2::ComputeType dtype, std::span<const engine::TokenId> tokens,
               int window) {
  const auto model = gpt2::load_model(folder, {.dtype = dtype, .kv_bytes = std::size_t{2} << 30});
  return gpt2::perplexity(*model, tokens, window);
}

void run(int argc, char** argv) {
  if (argc < 3) throw std::runtime_error("usage: perplexity MODEL TEXT [WINDOW [TOKENS [DTYPE]]]");
  const int window = argc > 3 ? std::atoi(argv[3]) : 256;
  auto tokens = tokenizer::load_tokenizer(argv[1])->encode(read_text(argv[2]));
  if (argc > 4) tokens.resize(std::min<std::size_t>(tokens.size(), std::atoi(argv[4])));
  const double fp32 = measure(argv[1], gpt2::ComputeType::kFp32, tokens, window);
  const char* const dtype = argc > 5 ? argv[5] : "int8";
  const double rounded = measure(argv[1], gpt2::compute_type(dtype), tokens, window);
  std::printf("%s: %zu tokens in windows of %d: fp32 %.4f, %s %.4f, ratio %.5f\n", argv[1], tokens.size(),
              window, fp32, dtype, rounded, rounded / fp32);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(argc, argv);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "perplexity: %s\n", error.what());
    return 1;
  }
}
