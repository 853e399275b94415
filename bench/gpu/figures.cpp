#include "bench/gpu/figures.hpp"

#include <algorithm>
#include <random>

#include "model-service/gpt2/config.hpp"

namespace inkfleet::figures {

engine::SchedulerOptions scheduler_options() {
  engine::SchedulerOptions options{.max_queue = 100'000};
  gpu::fit_to_gpu(options);
  return options;
}

gpu::LoadedGpuModel load(const Options& options) {
  return gpu::load_model(options.model, {.library = options.library,
                                         .type = gpu::gpu_type(options.dtype).value(),
                                         .max_rows = scheduler_options().most_rows()});
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double median(std::vector<double> samples) {
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::ranges::nth_element(samples, middle);
  return *middle;
}

std::vector<engine::TokenId> random_prompt(std::uint64_t seed, int tokens, int vocab_size) {
  std::mt19937_64 random(seed);
  std::uniform_int_distribution<engine::TokenId> token(0, vocab_size - 1);
  std::vector<engine::TokenId> prompt(static_cast<std::size_t>(tokens));
  for (auto& id : prompt) id = token(random);
  return prompt;
}

Json measure_upload(const Options& options) {
  Json found;
  found["loads"] = Json::array();
  std::uint64_t bytes = 0;
  for (int i = 0; i < 2; ++i) {
    std::uint64_t total = 0;
    const auto start = Clock::now();
    const auto loaded =
        gpu::load_model(options.model, {.library = options.library,
                                        .type = gpu::gpu_type(options.dtype).value(),
                                        .max_rows = scheduler_options().most_rows(),
                                        .progress = [&](std::uint64_t, std::uint64_t all) { total = all; }});
    found["loads"].push_back(
        {{"seconds", seconds_since(start)}, {"kv_blocks", loaded.model->shape().kv_blocks}});
    found["device"] = loaded.device.name;
    bytes = total;
  }
  found["bytes"] = bytes;
  return found;
}

}  // namespace inkfleet::figures
