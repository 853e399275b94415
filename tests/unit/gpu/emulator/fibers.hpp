// The threads of a block: fibers of one thread of the machine.
#pragma once

#include <cstddef>
#include <cstring>
#include <functional>

#include "cuda_runtime_api.h"

/// Of the thread that runs.
extern dim3 threadIdx, blockIdx, blockDim, gridDim;  // NOLINT: as CUDA's

namespace emulator {

/// Runs `body` in all threads of all blocks. False when a thread read an address near 0, as a GPU would
/// report it. Ends the program when threads wait for each other for good.
bool run_grid(dim3 grid, dim3 block, std::size_t shared_bytes, const std::function<void()>& body);

void* dynamic_shared();

void wait_for_block();

/// Gives `value` to the other lanes of the warp, waits for theirs, and returns the place where those lie, of
/// kLaneBytes each. They stay there until the lane's next but one exchange.
constexpr std::size_t kLaneBytes = 16;
const unsigned char* meet_warp(unsigned mask, const void* value, std::size_t bytes);
int current_lane();

template <class T, class Choose>
T exchange(unsigned mask, T value, Choose choose) {
  static_assert(sizeof(T) <= kLaneBytes);
  const unsigned char* lanes = meet_warp(mask, &value, sizeof value);
  std::memcpy(&value, lanes + static_cast<std::size_t>(choose(current_lane())) * kLaneBytes, sizeof value);
  return value;
}

template <class T, class Use>
void exchange_all(unsigned mask, T value, Use use) {
  const unsigned char* lanes = meet_warp(mask, &value, sizeof value);
  for (int lane = 0; lane < 32; ++lane) {
    std::memcpy(&value, lanes + static_cast<std::size_t>(lane) * kLaneBytes, sizeof value);
    use(lane, value);
  }
}

}  // namespace emulator
