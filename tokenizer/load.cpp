#include "tokenizer/loading.hpp"

namespace inkfleet::tokenizer {

std::unique_ptr<Tokenizer> load_tokenizer(const std::filesystem::path& model_folder) {
  for (const char* name : {"spiece.model", "tokenizer.model"}) {
    const auto file = model_folder / name;
    if (std::filesystem::exists(file)) return load_sentencepiece(file);
  }
  const auto tokenizer_json = model_folder / "tokenizer.json";
  if (std::filesystem::exists(tokenizer_json)) return load_tokenizer_json(tokenizer_json);
  if (std::filesystem::exists(model_folder / "vocab.json")) return load_vocab_merges(model_folder);
  fail(model_folder.string(),
       "a folder with spiece.model or tokenizer.model, tokenizer.json, or vocab.json and merges.txt",
       "none of them");
}

}  // namespace inkfleet::tokenizer
