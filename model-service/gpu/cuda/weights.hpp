#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "model-service/gpu/cuda/memory.hpp"
#include "model-service/gpu/cuda/model_shape.hpp"

namespace inkfleet::gpu {

/// A tensor in the device's memory: numbers of 16 bits in the type that is computed in, or floats.
struct PlacedTensor {
  int rows = 0;  ///< as given
  int columns = 0;
  int pitch = 0;            ///< numbers from one row to the next, in memory
  bool transposed = false;  ///< in memory its rows are columns
  bool is_float = false;
  DeviceArray<std::byte> memory{};
};

/// Weights of linears lie as [out, in], in 16 bits, padded with zeros; embeddings likewise; norms and biases
/// in fp32.
class Weights {
 public:
  Weights(const ModelShape& shape, cudaStream_t stream);
  ~Weights();

  /// Sends a whole tensor: done when finish() returns. False when there is none such, or it has another size.
  bool upload(inkfleet_gpu_tensor tensor, int layer, const void* values, inkfleet_gpu_type type,
              std::int64_t count);
  void finish();

  [[nodiscard]] const void* matrix(inkfleet_gpu_tensor tensor, int layer = 0) const;
  [[nodiscard]] const float* floats(inkfleet_gpu_tensor tensor, int layer = 0) const;
  /// [vocab, width]
  [[nodiscard]] const void* head() const;

 private:
  class Conveyor;

  [[nodiscard]] std::size_t place_of(int tensor, int layer) const;

  ModelShape shape_;
  cudaStream_t stream_;
  std::vector<PlacedTensor> tensors_;
  std::unique_ptr<Conveyor> conveyor_;  ///< while weights are sent
};

}  // namespace inkfleet::gpu
