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
/// And those that a step reads once: they come past the outer caches, which could not keep them until the
/// next step.
constexpr int kStreamBytes = 6144;
/// Where a page of 4 KiB begins, the machine's own prefetching stops; it takes up the page after next when it
/// sees its first lines asked for.
constexpr int kPageLines = 4;
constexpr int kPageSteps = 4096 / kPanelStep;

/// Asks for the next panel while sums over this one are made, spread evenly over all passes over it, so that
/// memory is not idle while what the later passes need is in the cache already. Not worth its instructions
/// with one pass.
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

/// Some of a product: rows from `row`, vectors of columns from `vec`, inputs (divided by kLaneDepth)
/// begin..end.
struct Part {
  int row;
  int vec;
  int begin;
  int end;
};

/// Which rows use a panel's weights.
enum class Turn { kAlone, kFirst, kLast };

/// Rows rows times Vecs vectors of columns, in registers. Where two tiles take turns, sums are taken from
/// `kept` [Rows][Vecs] unless these are the first inputs, and left there unless they are the last; alone, a
/// tile takes all.
template <int Rows, int Vecs, Turn kTurn>
static inline void multiply_tile(const Int8Product& p, const Part& part, IntVec* kept, NextPanel next) {
  constexpr bool kAsks = kTurn != Turn::kLast;
  constexpr bool kStreams = kTurn == Turn::kFirst || Rows <= kTileRows;
  IntVec sums[Rows][Vecs];
  for (int r = 0; r < Rows; ++r) {
    const std::int32_t zero_point = p.row_scales[part.row + r].zero_point;
    for (int v = 0; v < Vecs; ++v) {
      const bool first = kTurn == Turn::kAlone || part.begin == 0;
      sums[r][v] = first ? load_ints(p.sums + (part.vec + v) * kLanes) * zero_point : kept[r * Vecs + v];
    }
  }
  const std::uint8_t* x = p.rows + part.row * p.row_stride + part.begin * kLaneDepth;
  const std::int8_t* w =
      p.panel + static_cast<std::ptrdiff_t>(part.begin) * kPanelStep + part.vec * kLanes * kLaneDepth;
  for (int d = part.begin; d < part.end; ++d, x += kLaneDepth, w += kPanelStep) {
    IntVec weights[Vecs];
    for (int v = 0; v < Vecs; ++v) {
      const std::int8_t* const lanes = w + v * kLanes * kLaneDepth;
      weights[v] = load_ints(lanes);
      if constexpr (kAsks && kStreams) __builtin_prefetch(lanes + kStreamBytes, 0, 0);
      if constexpr (kAsks && !kStreams) __builtin_prefetch(lanes + kPrefetchBytes);
    }
    if (kAsks && !kStreams && d % kPageSteps == 0) {
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
  if (kTurn != Turn::kAlone && part.end < p.depth) {
    for (int r = 0; r < Rows; ++r) {
      for (int v = 0; v < Vecs; ++v) kept[r * Vecs + v] = sums[r][v];
    }
    return;
  }
  for (int r = 0; r < Rows; ++r) {
    float* out = p.out + (part.row + r) * p.out_stride + part.vec * kLanes;
    for (int v = 0; v < Vecs; ++v) {
      const int column = (part.vec + v) * kLanes;
      const Vec scale = p.row_scales[part.row + r].scale * load(p.scales + column);
      const Vec y = __builtin_convertvector(sums[r][v], Vec) * scale + load(p.bias + column);
      if (column + kLanes <= p.columns) {
        store(out + v * kLanes, y);
      } else if (column < p.columns) {
        store_some(out + v * kLanes, y, p.columns - column);
      }
    }
  }
}

/// Rows that a tile may have. A tall one is half as wide, so that its sums fit the registers all the same.
constexpr int kTallTileRows = 2 * kTileRows;

constexpr int vecs_of_tile(int rows) {
  if (rows == 1) return kPanelVecs;  // a single row reads a panel from front to back
  return rows <= kTileRows ? kTileVecs : kTileVecs / 2;
}

template <int Rows>
static void multiply_rows(const Int8Product& p, int row, int tile, int tiles) {
  constexpr int kVecs = vecs_of_tile(Rows);
  constexpr int kPasses = kPanelVecs / kVecs;
  for (int pass = 0; pass < kPasses; ++pass) {
    const NextPanel next(p.next_panel, p.depth, tile * kPasses + pass, tiles * kPasses);
    multiply_tile<Rows, kVecs, Turn::kAlone>(p, {row, pass * kVecs, 0, p.depth}, nullptr, next);
  }
}

template <int Rows>
static void multiply_rows(const Int8Product& p, int row, int rows, int tile, int tiles) {
  if (rows == Rows) return multiply_rows<Rows>(p, row, tile, tiles);
  if constexpr (Rows > 1) multiply_rows<Rows - 1>(p, row, rows, tile, tiles);
}

/// Inputs (divided by kLaneDepth) that two tiles take in turns.
constexpr int kTurnSteps = 32;

/// Two low tiles that go through the panel together: it streams by once, as with a single one.
template <int First, int Second>
static void multiply_in_turns(const Int8Product& p) {
  constexpr int kVecs = kTileVecs;
  IntVec first[First * kVecs];
  IntVec second[Second * kVecs];
  const NextPanel none(p.next_panel, p.depth, 0, 1);
  for (int vec = 0; vec < kPanelVecs; vec += kVecs) {
    for (int begin = 0; begin < p.depth; begin += kTurnSteps) {
      const int end = begin + kTurnSteps < p.depth ? begin + kTurnSteps : p.depth;
      multiply_tile<First, kVecs, Turn::kFirst>(p, {0, vec, begin, end}, first, none);
      multiply_tile<Second, kVecs, Turn::kLast>(p, {First, vec, begin, end}, second, none);
    }
  }
}

template <int Rows>
static void multiply_in_turns(const Int8Product& p) {
  if (p.row_count == Rows) return multiply_in_turns<(Rows + 1) / 2, Rows / 2>(p);
  if constexpr (Rows > kTileRows + 1) multiply_in_turns<Rows - 1>(p);
}

/// Tiles of nearly equal height: the last one is not much cheaper for being low.
static void multiply(const Int8Product& p) {
  if (p.row_count > kTileRows && p.row_count <= kTallTileRows) return multiply_in_turns<kTallTileRows>(p);
  int row = 0;
  const int tiles = (p.row_count + kTallTileRows - 1) / kTallTileRows;
  for (int tile = 0; tile < tiles; ++tile) {
    const int rows = (p.row_count - row + tiles - tile - 1) / (tiles - tile);
    multiply_rows<kTallTileRows>(p, row, rows, tile, tiles);
    row += rows;
  }
}
