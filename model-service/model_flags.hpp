#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "model-service/gpt2/cpu_model.hpp"
#include "proto/frames.hpp"
#include "tokenizer/tokenizer.hpp"

/// What the programs that load a model share.
namespace inkfleet::service {

struct ModelFlags {
  std::string folder;
  std::string name;
  std::string device = "auto";
  std::string dtype = "auto";
  int threads = 0;
  int cache_mb = 1024;
  std::string packed_cache;  ///< a folder, "off", or empty: the default one

  void add_to(CLI::App& cli);
};

struct LoadedModel {
  std::unique_ptr<gpt2::CpuModel> model;
  std::shared_ptr<const tokenizer::Tokenizer> tokenizer;
  proto::Receipt receipt;  ///< without the seed
  bool exact =
      false;  ///< a text's numbers are the same bits whatever is computed beside it, and in what parts
};

/// Loads weights and tokenizer and checks that they belong together; says in the log what it loaded. Throws
/// std::runtime_error with one line for a person.
LoadedModel load_model(const ModelFlags& flags);

}  // namespace inkfleet::service
