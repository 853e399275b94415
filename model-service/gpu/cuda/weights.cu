#include <algorithm>
#include <array>
#include <cstring>

#include "model-service/gpu/cuda/kernels/place.cuh"
#include "model-service/gpu/cuda/weights.hpp"

namespace inkfleet::gpu {
namespace {

constexpr int kFirstInLayer = INKFLEET_GPU_LN_1_WEIGHT;
constexpr int kTensors = INKFLEET_GPU_MLP_C_PROJ_BIAS + 1;

/// Bytes that are on their way at the same time, twice.
constexpr std::int64_t kPieceBytes = std::int64_t{8} << 20;

struct Size {
  int rows, columns;  ///< as given
  int placed_rows;    ///< in memory, padded and, a linear's weight, transposed
  int pitch;
  bool transposed = false;
  bool is_float = false;
};

Size size_of(const ModelShape& shape, int tensor) {
  const inkfleet_gpu_config& c = shape.config;
  switch (tensor) {
    case INKFLEET_GPU_WTE:
    case INKFLEET_GPU_LM_HEAD:
      return {c.vocab_size, c.width, shape.vocab, c.width};
    case INKFLEET_GPU_WPE:
      return {c.context_length, c.width, c.context_length, c.width};
    case INKFLEET_GPU_ATTN_C_ATTN_WEIGHT:
      return {c.width, 3 * c.width, 3 * c.width, c.width, true};
    case INKFLEET_GPU_ATTN_C_ATTN_BIAS:
      return {1, 3 * c.width, 1, 3 * c.width, false, true};
    case INKFLEET_GPU_ATTN_C_PROJ_WEIGHT:
      return {c.width, c.width, c.width, c.width, true};
    case INKFLEET_GPU_MLP_C_FC_WEIGHT:
      return {c.width, c.inner, shape.inner, c.width, true};
    case INKFLEET_GPU_MLP_C_FC_BIAS:
      return {1, c.inner, 1, shape.inner, false, true};
    case INKFLEET_GPU_MLP_C_PROJ_WEIGHT:
      return {c.inner, c.width, c.width, shape.inner, true};
    default:  // norms and the other biases
      return {1, c.width, 1, c.width, false, true};
  }
}

PlacedTensor take(const Size& size, cudaStream_t stream) {
  const std::int64_t count = std::int64_t{size.placed_rows} * size.pitch;
  return {size.rows,       size.columns,  size.pitch,
          size.transposed, size.is_float, zeroed<std::byte>(count * (size.is_float ? 4 : 2), stream)};
}

std::int64_t bytes_of(inkfleet_gpu_type type) {
  return type == INKFLEET_GPU_FP32 ? 4 : 2;
}

}  // namespace

/// Two pieces of pinned memory and of the device's: while one is on its way the other is filled.
class Weights::Conveyor {
 public:
  explicit Conveyor(cudaStream_t stream) : stream_(stream) {}

  template <class Out>
  void send(const void* values, inkfleet_gpu_type type, const PlacedTensor& to) {
    const std::int64_t count = std::int64_t{to.rows} * to.columns;
    const std::int64_t most = kPieceBytes / bytes_of(type);
    for (std::int64_t first = 0; first < count; first += most) {
      send_piece<Out>(values, type, to,
                      {first, std::min(most, count - first), to.columns, to.pitch, to.transposed});
    }
  }

 private:
  struct Piece {
    PinnedArray<std::byte> pinned{kPieceBytes};
    DeviceArray<std::byte> on_device{kPieceBytes};
    Event placed;
  };

  template <class Out>
  void send_piece(const void* values, inkfleet_gpu_type type, const PlacedTensor& to,
                  const Placement& placement) {
    const Piece& piece = pieces_[next_];
    next_ = 1 - next_;
    piece.placed.wait();  // what it held before
    const std::int64_t bytes = placement.count * bytes_of(type);
    std::memcpy(piece.pinned.data(), static_cast<const std::byte*>(values) + placement.first * bytes_of(type),
                static_cast<std::size_t>(bytes));
    check(cudaMemcpyAsync(piece.on_device.data(), piece.pinned.data(), static_cast<std::size_t>(bytes),
                          cudaMemcpyHostToDevice, stream_));
    const auto blocks = static_cast<unsigned>((placement.count + kPlaceThreads - 1) / kPlaceThreads);
    Launcher{stream_}(place_numbers<Out>, blocks, kPlaceThreads, piece.on_device.data(), type, placement,
                      reinterpret_cast<Out*>(to.memory.data()));
    piece.placed.record(stream_);
  }

  cudaStream_t stream_;
  std::array<Piece, 2> pieces_;
  std::size_t next_ = 0;
};

Weights::Weights(const ModelShape& shape, cudaStream_t stream) : shape_(shape), stream_(stream) {
  for (int tensor = 0; tensor < kTensors; ++tensor) {
    const bool exists = tensor != INKFLEET_GPU_LM_HEAD || shape.config.tied_head == 0;
    for (int layer = 0; layer < (tensor >= kFirstInLayer ? shape.config.layers : 1); ++layer) {
      tensors_.push_back(exists ? take(size_of(shape, tensor), stream) : PlacedTensor{});
    }
  }
}

Weights::~Weights() = default;

std::size_t Weights::place_of(int tensor, int layer) const {
  if (tensor < kFirstInLayer) return static_cast<std::size_t>(tensor);
  return static_cast<std::size_t>(kFirstInLayer + (tensor - kFirstInLayer) * shape_.config.layers + layer);
}

bool Weights::upload(inkfleet_gpu_tensor tensor, int layer, const void* values, inkfleet_gpu_type type,
                     std::int64_t count) {
  const int layers = tensor < kFirstInLayer ? 1 : shape_.config.layers;
  if (tensor < 0 || tensor >= kTensors || layer < 0 || layer >= layers) return false;
  const PlacedTensor& to = tensors_[place_of(tensor, layer)];
  if (to.rows == 0 || count != std::int64_t{to.rows} * to.columns) return false;
  if (!conveyor_) conveyor_ = std::make_unique<Conveyor>(stream_);
  if (to.is_float) {
    conveyor_->send<float>(values, type, to);
  } else if (shape_.config.type == INKFLEET_GPU_FP16) {
    conveyor_->send<__half>(values, type, to);
  } else {
    conveyor_->send<__nv_bfloat16>(values, type, to);
  }
  return true;
}

void Weights::finish() {
  check(cudaStreamSynchronize(stream_));
  conveyor_.reset();
}

const void* Weights::matrix(inkfleet_gpu_tensor tensor, int layer) const {
  return tensors_[place_of(tensor, layer)].memory.data();
}

const float* Weights::floats(inkfleet_gpu_tensor tensor, int layer) const {
  return static_cast<const float*>(matrix(tensor, layer));
}

const void* Weights::head() const {
  return matrix(shape_.config.tied_head != 0 ? INKFLEET_GPU_WTE : INKFLEET_GPU_LM_HEAD);
}

}  // namespace inkfleet::gpu
