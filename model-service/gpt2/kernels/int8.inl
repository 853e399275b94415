// Matrix products in 8 bits. Who includes this says kLanes, kTileRows and kTileVecs, the rows and vectors of
// columns whose sums fit the registers, and dot(): sums + the products of four u8 and four s8 in each lane.

#include "model-service/gpt2/kernels/row_scale.inl"
#include "model-service/gpt2/kernels/simd.inl"

typedef std::int32_t UnalignedIntVec __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));
typedef std::int32_t Lane __attribute__((aligned(1), may_alias));

constexpr int kPanelVecs = kPanelColumns / kLanes;
constexpr int kPanelStep = kPanelColumns * kLaneDepth;  // bytes of a panel for kLaneDepth inputs
constexpr int kCacheLine = 64;
/// Weights of this panel are asked for so far ahead.
constexpr int kPrefetchBytes = 4096;
/// Where a page of 4 KiB begins, the machine's own prefetching stops; it takes up the page after next when it sees its
/// first lines asked for.
constexpr int kPageLines = 4;
constexpr int kPageSteps = 4096 / kPanelStep;

/// Asks for the next panel while sums over this one are made, spread evenly over all passes over it, so that memory is
/// not idle while what the later passes need is in the cache already. Not worth its instructions with one pass.
class NextPanel {
 public:
  NextPanel(const std::int8_t* panel, int depth, int pass, int passes)
      : at_(panel + static_cast<std::ptrdiff_t>(depth) * pass / passes * kPanelStep),
        every_(passes),
        wait_(passes > 1 ? 1 : depth + 1) {}

  /// Once for each kLaneDepth inputs.
  inline void tick() {
    if (--wait_ > 0) return;
    wait_ = every_;
    for (int byte = 0; byte < kPanelStep; byte += kCacheLine) __builtin_prefetch(at_ + byte, 0, 2);
    at_ += kPanelStep;
  }

 private:
  const std::int8_t* at_;
  int every_;
  int wait_;
};

static inline IntVec load_ints(const void* p) {
  return *static_cast<const UnalignedIntVec*>(p);
}
static inline Vec magnitude(Vec v) {
  return reinterpret_cast<Vec>(reinterpret_cast<IntVec>(v) & 0x7fffffff);
}

static RowScale quantize_row(const float* x, int width, std::uint8_t* out) {
  const auto load_row = [x, width](int i) {
    return i + kLanes <= width ? load(x + i) : load_some(x + i, width - i);
  };
  Vec smallest{};
  Vec largest{};
  IntVec finite = IntVec{} - 1;
  for (int i = 0; i < width; i += kLanes) {
    const Vec v = load_row(i);
    smallest = min(v, smallest);
    largest = max(v, largest);
    finite &= magnitude(v) <= __FLT_MAX__;
  }
  bool all_finite = true;
  for (int lane = 0; lane < kLanes; ++lane) all_finite = all_finite && finite[lane] != 0;
  const RowScale row = row_scale(-max_of_lanes(-smallest), max_of_lanes(largest), all_finite);
  const float factor = row.scale > 0.0F ? 1.0F / row.scale : 0.0F;
  const Vec shifter = broadcast(12582912.0F);  // 1.5 * 2^23: adding it rounds to a whole number
  for (int i = 0; i < width; i += kLanes) {
    const Vec rounded = (factor > 0.0F ? load_row(i) * factor : Vec{}) + shifter;
    IntVec numbers = reinterpret_cast<IntVec>(rounded) - reinterpret_cast<IntVec>(shifter) + row.zero_point;
    numbers = numbers < 0 ? IntVec{} : numbers;
    store_bytes(out + i, numbers > 255 ? IntVec{} + 255 : numbers);
  }
  return row;
}

/// Rows rows times Vecs vectors of columns, in registers.
template <int Rows, int Vecs>
static inline void multiply_tile(const Int8Product& p, int row, int vec, NextPanel next) {
  IntVec sums[Rows][Vecs];
  for (int r = 0; r < Rows; ++r) {
    const std::int32_t zero_point = p.row_scales[row + r].zero_point;
    for (int v = 0; v < Vecs; ++v) sums[r][v] = load_ints(p.sums + (vec + v) * kLanes) * zero_point;
  }
  const std::uint8_t* x = p.rows + row * p.row_stride;
  const std::int8_t* w = p.panel + vec * kLanes * kLaneDepth;
  for (int d = 0; d < p.depth; ++d, x += kLaneDepth, w += kPanelStep) {
    IntVec weights[Vecs];
    for (int v = 0; v < Vecs; ++v) {
      weights[v] = load_ints(w + v * kLanes * kLaneDepth);
      __builtin_prefetch(w + v * kLanes * kLaneDepth + kPrefetchBytes);
    }
    if (d % kPageSteps == 0) {
      for (int line = 0; line < kPageLines; ++line) {
        __builtin_prefetch(w + 2 * kPrefetchBytes + line * kCacheLine, 0, 2);
      }
    }
    next.tick();
    for (int r = 0; r < Rows; ++r) {
      const IntVec inputs = IntVec{} + *reinterpret_cast<const Lane*>(x + r * p.row_stride);
      for (int v = 0; v < Vecs; ++v) sums[r][v] = dot(sums[r][v], inputs, weights[v]);
    }
  }
  for (int r = 0; r < Rows; ++r) {
    float* out = p.out + (row + r) * p.out_stride + vec * kLanes;
    for (int v = 0; v < Vecs; ++v) {
      const int column = (vec + v) * kLanes;
      const Vec scale = p.row_scales[row + r].scale * load(p.scales + column);
      const Vec y = __builtin_convertvector(sums[r][v], Vec) * scale + load(p.bias + column);
      if (column + kLanes <= p.columns) {
        store(out + v * kLanes, y);
      } else if (column < p.columns) {
        store_some(out + v * kLanes, y, p.columns - column);
      }
    }
  }
}

template <int Rows>
static void multiply_rows(const Int8Product& p, int row, int tile, int tiles) {
  constexpr int kVecs = Rows == 1 ? kPanelVecs : kTileVecs;  // a single row reads a panel from front to back
  constexpr int kPasses = kPanelVecs / kVecs;
  for (int pass = 0; pass < kPasses; ++pass) {
    const NextPanel next(p.next_panel, p.depth, tile * kPasses + pass, tiles * kPasses);
    multiply_tile<Rows, kVecs>(p, row, pass * kVecs, next);
  }
}

template <int Rows>
static void multiply_rows(const Int8Product& p, int row, int rows, int tile, int tiles) {
  if (rows == Rows) return multiply_rows<Rows>(p, row, tile, tiles);
  if constexpr (Rows > 1) multiply_rows<Rows - 1>(p, row, rows, tile, tiles);
}

/// Tiles of nearly equal height: the last one is not much cheaper for being low.
static void multiply(const Int8Product& p) {
  int row = 0;
  const int tiles = (p.row_count + kTileRows - 1) / kTileRows;
  for (int tile = 0; tile < tiles; ++tile) {
    const int rows = (p.row_count - row + tiles - tile - 1) / (tiles - tile);
    multiply_rows<kTileRows>(p, row, rows, tile, tiles);
    row += rows;
  }
}
