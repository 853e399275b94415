#include "model-service/gpu/cuda/runner.hpp"

#include <algorithm>

namespace inkfleet::gpu {
namespace {

/// Suggestions that a request may have: as many are drawn from one row.
constexpr int kDrawsOfRow = 32;

constexpr std::size_t kAlignment = 16;

std::size_t aligned(std::size_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

int count_rows(std::span<const inkfleet_gpu_slice> slices) {
  int rows = 0;
  for (const inkfleet_gpu_slice& slice : slices) rows += slice.token_count;
  return rows;
}

}  // namespace

Runner::Runner(const ModelShape& shape, const Weights& weights, const Cublas& cublas, const Device& device,
               int max_rows, std::int64_t kv_bytes, const Stream& stream)
    : shape_(shape),
      stream_(stream),
      max_rows_(std::max(max_rows, kItemRows)),  // as small steps are filled up to
      max_draws_(max_rows_ * kDrawsOfRow),
      plan_(shape, device.multiprocessors, max_rows_),
      pass_(make_pass(shape, weights, cublas, plan_, max_rows_, device, stream)),
      step_on_host_(static_cast<std::int64_t>(aligned(plan_.capacity()) + aligned(max_rows_ * sizeof(int)) +
                                              max_draws_ * sizeof(Draw))),
      step_(step_on_host_.count()),
      drawn_on_host_(max_draws_),
      drawn_(max_draws_) {
  take_cache(kv_bytes);
  const auto prepare = [this](int rows) {
    const int filled = pass_->filled_rows(rows);
    send({}, {}, filled);                                                   // a step of nothing
    const int* const first_rows = plan_.view(step_.data(), filled).tokens;  // zeros
    pass_->run_head(first_rows, std::min(filled, kHeadRows), filled);
    stream_.wait();
    return filled;
  };
  graphs_.record(stream, max_rows_, prepare, [this](int rows) { run_layers(rows, false); });
}

void Runner::take_cache(std::int64_t kv_bytes) {
  std::size_t free = 0;
  std::size_t total = 0;
  check(cudaMemGetInfo(&free, &total));
  const std::int64_t block = shape_.kv_block_bytes();
  std::int64_t bytes = static_cast<std::int64_t>(free / 10 * 9) - block;
  if (kv_bytes > 0) bytes = std::min(bytes, kv_bytes);
  if (bytes < block) check(cudaErrorMemoryAllocation);
  kv_blocks_ = static_cast<int>(std::min<std::int64_t>(bytes / block, INT32_MAX >> shape_.block_shift));
  keys_and_values_ = DeviceArray<std::byte>((std::int64_t{kv_blocks_} + 1) * block);
  plan_.set_kv_blocks(kv_blocks_);
  pass_->use_cache(keys_and_values_.data());
}

bool Runner::is_valid(std::span<const inkfleet_gpu_slice> slices, std::span<const inkfleet_gpu_draw> draws,
                      std::span<const int> logit_slices) const {
  const auto exists = [&](int slice) { return slice >= 0 && slice < static_cast<int>(slices.size()); };
  return plan_.is_valid(slices) && draws.size() <= static_cast<std::size_t>(max_draws_) &&
         std::all_of(draws.begin(), draws.end(),
                     [&](const inkfleet_gpu_draw& draw) { return exists(draw.slice); }) &&
         std::all_of(logit_slices.begin(), logit_slices.end(), exists);
}

bool Runner::step(std::span<const inkfleet_gpu_slice> slices, std::span<const inkfleet_gpu_draw> draws,
                  std::int32_t* drawn, std::span<const int> logit_slices, float* logits) {
  if (!is_valid(slices, draws, logit_slices)) return false;
  if (slices.empty()) return true;
  const std::int64_t logit_numbers =
      static_cast<std::int64_t>(logit_slices.size()) * shape_.config.vocab_size;
  if (logits_on_host_.count() < logit_numbers) logits_on_host_ = PinnedArray<float>(logit_numbers);
  find_wanted(slices, draws, logit_slices);
  const int rows = count_rows(slices);
  const int recorded = graphs_.size_for(rows);
  const int filled = recorded > 0 ? recorded : pass_->filled_rows(rows);
  try {
    const Wanted wanted = send(slices, draws, filled);
    run_layers(filled, recorded > 0);
    run_head(wanted, filled, draws.size(), logit_slices);
    stream_.wait();
  } catch (const Failure&) {
    static_cast<void>(cudaStreamSynchronize(stream_));  // the memory that copies read is used again
    throw;
  }
  std::copy_n(drawn_on_host_.data(), draws.size(), drawn);
  std::copy_n(logits_on_host_.data(), logit_numbers, logits);
  return true;
}

void Runner::find_wanted(std::span<const inkfleet_gpu_slice> slices, std::span<const inkfleet_gpu_draw> draws,
                         std::span<const int> logit_slices) {
  wanted_of_slice_.assign(slices.size(), -1);
  for (const inkfleet_gpu_draw& draw : draws) wanted_of_slice_[static_cast<std::size_t>(draw.slice)] = 0;
  for (const int slice : logit_slices) wanted_of_slice_[static_cast<std::size_t>(slice)] = 0;
  wanted_.clear();
  int row = 0;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    row += slices[i].token_count;
    if (wanted_of_slice_[i] < 0) continue;
    wanted_of_slice_[i] = static_cast<int>(wanted_.size());
    wanted_.push_back(row - 1);
  }
}

/// The one copy to the device: the step, the rows whose logits are wanted, the draws.
Runner::Wanted Runner::send(std::span<const inkfleet_gpu_slice> slices,
                            std::span<const inkfleet_gpu_draw> draws, int rows) {
  std::byte* const base = step_on_host_.data();
  const std::size_t wanted_at = aligned(plan_.write(slices, rows, base));
  std::copy(wanted_.begin(), wanted_.end(), reinterpret_cast<int*>(base + wanted_at));
  const std::size_t draws_at = wanted_at + aligned(wanted_.size() * sizeof(int));
  auto* const to = reinterpret_cast<Draw*>(base + draws_at);
  for (std::size_t i = 0; i < draws.size(); ++i) {
    to[i] = {.row = wanted_of_slice_[static_cast<std::size_t>(draws[i].slice)],
             .top_k = draws[i].top_k,
             .temperature = draws[i].temperature,
             .top_p = draws[i].top_p,
             .uniform = draws[i].uniform};
  }
  check(cudaMemcpyAsync(step_.data(), base, draws_at + draws.size() * sizeof(Draw), cudaMemcpyHostToDevice,
                        stream_));
  return {reinterpret_cast<const int*>(step_.data() + wanted_at),
          reinterpret_cast<const Draw*>(step_.data() + draws_at)};
}

void Runner::run_layers(int rows, bool recorded) {
  if (recorded) {
    graphs_.launch(rows, stream_);
  } else {
    pass_->run_layers(plan_.view(step_.data(), rows), rows, plan_.limits(rows));
  }
}

void Runner::run_head(const Wanted& wanted, int rows, std::size_t draws, std::span<const int> logit_slices) {
  const int vocab = shape_.config.vocab_size;
  const int all = static_cast<int>(wanted_.size());
  for (int first = 0; first < all; first += kHeadRows) {
    const int count = std::min(kHeadRows, all - first);
    const float* const logits = pass_->run_head(wanted.rows + first, count, rows);
    if (draws > 0) pass_->draw(wanted.draws, static_cast<int>(draws), first, count, drawn_.data());
    for (std::size_t i = 0; i < logit_slices.size(); ++i) {
      const int row = wanted_of_slice_[static_cast<std::size_t>(logit_slices[i])] - first;
      if (row < 0 || row >= count) continue;
      check(cudaMemcpyAsync(logits_on_host_.data() + static_cast<std::int64_t>(i) * vocab,
                            logits + std::int64_t{row} * shape_.vocab, vocab * sizeof(float),
                            cudaMemcpyDeviceToHost, stream_));
    }
  }
  if (draws > 0) {
    check(cudaMemcpyAsync(drawn_on_host_.data(), drawn_.data(), draws * sizeof(int), cudaMemcpyDeviceToHost,
                          stream_));
  }
}

bool Runner::copy_block(int from, int to) {
  if (from < 0 || from >= kv_blocks_ || to < 0 || to >= kv_blocks_) return false;
  const std::int64_t bytes = shape_.kv_block_bytes();
  check(cudaMemcpyAsync(keys_and_values_.data() + to * bytes, keys_and_values_.data() + from * bytes,
                        static_cast<std::size_t>(bytes), cudaMemcpyDeviceToDevice, stream_));
  return true;
}

}  // namespace inkfleet::gpu
