#include "model-service/gpu/cuda/graphs.hpp"

#include <algorithm>

namespace inkfleet::gpu {
namespace {

/// Above, a step takes so long that its launches need no graph.
constexpr int kMostRows = 512;

/// Sizes grow by an eighth to a quarter: so much of a step may be filling.
int next_size(int size) {
  int step = 1;
  while (step * 8 <= size) step *= 2;
  return size + std::max(step, size < 8 ? 1 : 8);
}

cudaGraphExec_t record_one(cudaStream_t stream, int rows, const std::function<void(int)>& launch) {
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  cudaGraph_t graph = nullptr;
  try {
    launch(rows);
  } catch (const Failure&) {
    static_cast<void>(cudaStreamEndCapture(stream, &graph));
    if (graph != nullptr) static_cast<void>(cudaGraphDestroy(graph));
    static_cast<void>(cudaGetLastError());
    throw;
  }
  check(cudaStreamEndCapture(stream, &graph));
  cudaGraphExec_t executable = nullptr;
  const cudaError_t made = cudaGraphInstantiate(&executable, graph, 0);
  static_cast<void>(cudaGraphDestroy(graph));
  check(made);
  return executable;
}

}  // namespace

void Graphs::record(cudaStream_t stream, int max_rows, const std::function<int(int)>& prepare,
                    const std::function<void(int)>& launch) {
  for (int size = 1; size_for(std::min(max_rows, kMostRows)) == 0; size = next_size(size)) {
    const int rows = prepare(std::min({size, max_rows, kMostRows}));
    if (by_size_.contains(rows)) continue;
    launch(rows);
    check(cudaStreamSynchronize(stream));
    const auto place =
        by_size_.emplace(rows, Executable(record_one(stream, rows, launch), cudaGraphExecDestroy)).first;
    check(cudaGraphUpload(place->second.get(), stream));  // else the first launch would do it
  }
}

int Graphs::size_for(int rows) const {
  const auto found = by_size_.lower_bound(rows);
  return found == by_size_.end() ? 0 : found->first;
}

void Graphs::launch(int size, cudaStream_t stream) const {
  check(cudaGraphLaunch(by_size_.at(size).get(), stream));
}

}  // namespace inkfleet::gpu
