#pragma once

#include <functional>
#include <map>
#include <memory>
#include <type_traits>
#include <vector>

#include "model-service/gpu/cuda/errors.hpp"

namespace inkfleet::gpu {

/// Recorded launches for certain numbers of rows: one call instead of hundreds.
class Graphs {
 public:
  /// Records `launch(rows)` for sizes up to `max_rows`, each after having run it once, as libraries that load
  /// code at their first call need. `prepare` says how many rows a size really has, and makes ready to run
  /// that, and whatever else steps of that size call. Other threads may use the device meanwhile.
  void record(cudaStream_t stream, int max_rows, const std::function<int(int size)>& prepare,
              const std::function<void(int rows)>& launch);

  /// The smallest recorded size that has room for `rows`; 0 when there is none.
  [[nodiscard]] int size_for(int rows) const;
  void launch(int size, cudaStream_t stream) const;

 private:
  using Executable =
      std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, cudaError_t (*)(cudaGraphExec_t)>;

  std::map<int, Executable> by_size_;
};

}  // namespace inkfleet::gpu
