#pragma once

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "model-service/gpu/gpu_model.hpp"
#include "tokenizer/tokenizer.hpp"

/// What the GPU engine does in one process, measured part by part. Each part is a run of its own, so that one
/// that fails or is cut off leaves the others'.
namespace inkfleet::figures {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

struct Options {
  std::filesystem::path model;
  std::filesystem::path library;
  std::filesystem::path probe;
  std::string dtype = "fp16";
  std::chrono::duration<double> seconds{60};  ///< after which a part begins nothing more
  int scale = 1;                              ///< all sizes and rates are divided by it: for a rehearsal

  [[nodiscard]] int scaled(int size) const { return std::max(std::min(size, 2), size / scale); }
};

/// As the service loads it (model-service/model_loading.cpp): with these, and most_rows() of them.
engine::SchedulerOptions scheduler_options();
gpu::LoadedGpuModel load(const Options& options);

double seconds_since(Clock::time_point start);
double median(std::vector<double> samples);

/// Prompt of tokens that no other seed has.
std::vector<engine::TokenId> random_prompt(std::uint64_t seed, int tokens, int vocab_size);

// The parts.
Json measure_upload(const Options& options);    ///< weights from the mapped file to the device
Json measure_decode(const Options& options);    ///< steps of decoding alone, by batch size
Json measure_editor(const Options& options);    ///< an editor's request alone; n = 8 beside n = 1
Json measure_requests(const Options& options);  ///< prompt 100 + 100 tokens at rising rates
Json measure_article(const Options& options);   ///< 50 to 100 words at rising rates
Json measure_fault(const Options& options);     ///< an illegal address: until it is latched
Json measure_spin(const Options& options);      ///< a kernel that spins: until health fails

}  // namespace inkfleet::figures
