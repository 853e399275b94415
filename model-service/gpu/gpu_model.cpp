#include "model-service/gpu/gpu_model.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "model-service/engine/check_slices.hpp"
#include "model-service/health/device_error.hpp"

namespace inkfleet::gpu {
namespace {

constexpr int kOutOfMemory = 2;

}  // namespace

GpuModel::GpuModel(const GpuLibrary& library, int device, const inkfleet_gpu_config& config)
    : library_(library),
      shape_{.vocab_size = config.vocab_size,
             .context_length = config.context_length,
             .block_tokens = config.block_tokens} {
  check(library_.open(device, &config, &gpu_), "taking the device");
}

GpuModel::~GpuModel() {
  if (gpu_ != nullptr && !lost_) library_.close(gpu_);
}

void GpuModel::upload(inkfleet_gpu_tensor tensor, int layer, const void* values, inkfleet_gpu_type type,
                      std::int64_t count) {
  check(library_.upload(gpu_, tensor, layer, values, type, count), "uploading weights");
}

void GpuModel::plan(int max_rows, std::size_t kv_bytes, engine::TokenId end_of_text) {
  check(library_.plan(gpu_, max_rows, static_cast<std::int64_t>(kv_bytes), &shape_.kv_blocks),
        "taking memory for steps, keys and values");
  const int positions = shape_.kv_blocks * shape_.block_tokens;
  if (positions < shape_.context_length) {
    throw std::runtime_error("--cache-mb: expected room for one full context of " +
                             std::to_string(shape_.context_length) + " positions on the device, found " +
                             std::to_string(positions));
  }
  shape_.end_of_text = end_of_text;
}

engine::StepResult GpuModel::step(std::span<const engine::StepSlice> slices) {
  if (slices.empty()) return {};
  engine::check_slices(shape_, slices);
  describe(slices);
  check(library_.step(gpu_, slices_.data(), static_cast<int>(slices_.size()), draws_.data(),
                      static_cast<int>(draws_.size()), drawn_.data(), logit_slices_.data(),
                      static_cast<int>(logit_slices_.size()), logits_.data()),
        "a step");
  if (std::ranges::any_of(drawn_, [&](auto token) { return token < 0 || token >= shape_.vocab_size; })) {
    throw std::runtime_error("the device drew a token that is none: its logits are no numbers");
  }
  return {.logits = logits_, .drawn = drawn_};
}

void GpuModel::describe(std::span<const engine::StepSlice> slices) {
  slices_.clear();
  draws_.clear();
  logit_slices_.clear();
  for (const auto& slice : slices) {
    const auto index = static_cast<int>(slices_.size());
    slices_.push_back({.tokens = slice.tokens.data(),
                       .token_count = static_cast<int>(slice.tokens.size()),
                       .first_position = slice.first_position,
                       .blocks = slice.blocks.data()});
    if (slice.wants_logits && slice.draws.empty()) logit_slices_.push_back(index);
    for (const auto& [parameters, uniform] : slice.draws) {
      draws_.push_back({.slice = index,
                        .top_k = parameters.top_k,
                        .temperature = parameters.temperature,
                        .top_p = parameters.top_p,
                        .uniform = uniform});
    }
  }
  drawn_.resize(draws_.size());
  logits_.resize(logit_slices_.size() * static_cast<std::size_t>(shape_.vocab_size));
}

void GpuModel::copy_block(engine::BlockId from, engine::BlockId to) {
  check(library_.copy_block(gpu_, from, to), "a copy of keys and values");
}

void GpuModel::break_device() {
  check(library_.break_device(gpu_), "a fault made on purpose");
}

void GpuModel::spin(unsigned milliseconds) {
  check(library_.spin(gpu_, milliseconds), "a kernel that spins");
}

// As the library's header says: after any code but want of memory the device is lost to this process.
void GpuModel::check(int code, std::string_view doing) {
  if (code == 0) return;
  lost_ = code != kOutOfMemory;
  throw health::DeviceFailure(doing, lost_ ? health::lost_device(code) : health::device_error(code));
}

}  // namespace inkfleet::gpu
