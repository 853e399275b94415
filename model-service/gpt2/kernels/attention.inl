// Attention of one head over a cache of blocks. Each score is a sum over the head's dimensions in ascending
// order, each output a sum over the keys in ascending order, the softmax's sum goes lane by lane: whatever is
// computed side by side, a row's bits are the same.

#include "model-service/gpt2/kernels/bytes.inl"
#include "model-service/gpt2/kernels/half.inl"

constexpr int kVecsPerBlock = kBlockTokens / kLanes;

/// The largest power of two up to `most` that, times `vecs`, fills no more than `room` registers.
constexpr int fitting_tile(int vecs, int room, int most) {
  while (most > 1 && most * vecs > room) most /= 2;
  return most;
}

constexpr int blocks_for(int keys) {
  return (keys + kBlockTokens - 1) / kBlockTokens;
}

template <class Element>
constexpr KvType kKvType = sizeof(Element) == 4   ? KvType::kFp32
                           : sizeof(Element) == 2 ? KvType::kFp16
                                                  : KvType::kInt8;

/// One head's keys [D][kBlockTokens] and values [kBlockTokens][padded D] in one layer, by block.
template <class Element>
struct HeadCache {
  char* first_keys;
  char* first_values;
  std::ptrdiff_t stride;
  std::ptrdiff_t head_dim;

  HeadCache(const AttentionLayer& a, int head)
      : first_keys(static_cast<char*>(a.keys) + head * head_key_bytes(kKvType<Element>, a.head_dim)),
        first_values(static_cast<char*>(a.values) + head * head_value_bytes(kKvType<Element>, a.head_dim)),
        stride(a.block_stride),
        head_dim(a.head_dim) {}

  Element* keys(std::int32_t block) const { return reinterpret_cast<Element*>(first_keys + block * stride); }
  Element* values(std::int32_t block) const {
    return reinterpret_cast<Element*>(first_values + block * stride);
  }

  /// Of 8 bits only: a scale for each position.
  float* key_scales(std::int32_t block) const {
    return reinterpret_cast<float*>(keys(block) + head_dim * kBlockTokens);
  }
  float* value_scales(std::int32_t block) const {
    return reinterpret_cast<float*>(values(block) + padded_head_dim(head_dim) * kBlockTokens);
  }
};

/// Asks for what lies at `p`: blocks of one text are far from each other, and nothing but their first use
/// would tell the machine about them.
static inline void ask_for(const void* p, std::ptrdiff_t bytes) {
  constexpr std::ptrdiff_t kCacheLine = 64;
  for (std::ptrdiff_t at = 0; at < bytes; at += kCacheLine)
    __builtin_prefetch(static_cast<const char*>(p) + at);
}

/// The same for one head's keys, or values, in the blocks from..to of a table.
template <class Element>
static void ask_for_keys(const HeadCache<Element>& cache, const std::int32_t* table, int from, int to,
                         int head_dim) {
  for (int b = from; b < to; ++b) ask_for(cache.keys(table[b]), head_key_bytes(kKvType<Element>, head_dim));
}
template <class Element>
static void ask_for_values(const HeadCache<Element>& cache, const std::int32_t* table, int from, int to,
                           int head_dim) {
  for (int b = from; b < to; ++b)
    ask_for(cache.values(table[b]), head_value_bytes(kKvType<Element>, head_dim));
}

/// Numbers of Rows rows, laid out so that all offsets in the inner loops are constants: queries
/// [D / kQueryChunk][Rows][kQueryChunk], scores [blocks][Rows][kBlockTokens], outputs [Rows][padded D].
struct TileScratch {
  float* queries;
  float* out;
  float* scores;
};

template <class Element>
static void append(const AttentionLayer& a, const HeadCache<Element>& cache, const AttentionRow& row,
                   int head) {
  const float* key = a.qkv + row.row * 3 * a.width + a.width + head * a.head_dim;
  const float* value = key + a.width;
  const int padded = padded_head_dim(a.head_dim);
  const int slot = row.position % kBlockTokens;
  const std::int32_t block = row.blocks[row.position / kBlockTokens];
  Element* keys = cache.keys(block) + slot;
  Element* values = cache.values(block) + slot * padded;
  for (int d = 0; d < padded; d += kLanes) {
    const int left = a.head_dim - d;
    Element part[kLanes];
    store(part, left >= kLanes ? load(key + d) : load_some(key + d, left));
    store(values + d, left >= kLanes ? load(value + d) : load_some(value + d, left));
    for (int i = 0; i < kLanes && i < left; ++i) keys[(d + i) * kBlockTokens] = part[i];
  }
}

static void append(const AttentionLayer& a, const HeadCache<Byte>& cache, const AttentionRow& row, int head) {
  const float* key = a.qkv + row.row * 3 * a.width + a.width + head * a.head_dim;
  const int padded = padded_head_dim(a.head_dim);
  const int slot = row.position % kBlockTokens;
  const std::int32_t block = row.blocks[row.position / kBlockTokens];
  Byte* values = cache.values(block) + slot * padded;
  cache.key_scales(block)[slot] = store_bytes(key, a.head_dim, cache.keys(block) + slot, kBlockTokens);
  cache.value_scales(block)[slot] = store_bytes(key + a.width, a.head_dim, values, 1);
  for (int d = a.head_dim; d < padded; ++d) values[d] = 0;
}

template <int Rows>
static void gather_queries(const AttentionLayer& a, const AttentionRow* rows, int head, float* queries) {
  for (int r = 0; r < Rows; ++r) {
    const float* query = a.qkv + rows[r].row * 3 * a.width + head * a.head_dim;
    for (int begin = 0; begin < a.head_dim; begin += kQueryChunk) {
      const int count = a.head_dim - begin < kQueryChunk ? a.head_dim - begin : kQueryChunk;
      for (int d = 0; d < count; ++d) queries[begin * Rows + r * kQueryChunk + d] = query[begin + d];
    }
  }
}

/// Scores of Rows of the AllRows queries against the keys of Blocks blocks.
template <int Rows, int AllRows, int Blocks, class Element>
static inline void score_tile(const AttentionLayer& a, const HeadCache<Element>& cache,
                              const std::int32_t* blocks, const float* queries, float* scores) {
  const Element* keys[Blocks];
  for (int b = 0; b < Blocks; ++b) keys[b] = cache.keys(blocks[b]);
  Vec sums[Rows][Blocks][kVecsPerBlock] = {};
  for (int begin = 0; begin < a.head_dim; begin += kQueryChunk) {
    const int count = a.head_dim - begin < kQueryChunk ? a.head_dim - begin : kQueryChunk;
    const float* query = queries + begin * AllRows;
    for (int d = 0; d < count; ++d) {
      for (int b = 0; b < Blocks; ++b) {
        for (int v = 0; v < kVecsPerBlock; ++v) {
          const Vec key = load(keys[b] + (begin + d) * kBlockTokens + v * kLanes);
          for (int r = 0; r < Rows; ++r) sums[r][b][v] += query[r * kQueryChunk + d] * key;
        }
      }
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int b = 0; b < Blocks; ++b) {
      for (int v = 0; v < kVecsPerBlock; ++v) {
        Vec scale = broadcast(a.scale);
        if constexpr (kKvType<Element> == KvType::kInt8) {
          scale *= load(cache.key_scales(blocks[b]) + v * kLanes);
        }
        store(scores + (b * AllRows + r) * kBlockTokens + v * kLanes, sums[r][b][v] * scale);
      }
    }
  }
}

/// The same for the blocks from..to of a table, as many at a time as fill the registers.
template <int Rows, int AllRows, int Blocks = fitting_tile(Rows* kVecsPerBlock, kScoreTileVecs, 8),
          class Element>
static void score(const AttentionLayer& a, const HeadCache<Element>& cache, const std::int32_t* table,
                  int from, int to, const float* queries, float* scores) {
  int b = from;
  for (; b + Blocks <= to; b += Blocks) {
    score_tile<Rows, AllRows, Blocks>(a, cache, table + b, queries, scores + b * AllRows * kBlockTokens);
  }
  if constexpr (Blocks > 1) {
    if (b < to) score<Rows, AllRows, Blocks / 2>(a, cache, table, b, to, queries, scores);
  }
}

/// Turns the scores of a row's `keys` keys into e^(score - largest), and returns their sum. The room up to a
/// whole block becomes 0. Blocks lie `stride` floats apart.
static float exponentiate(float* scores, std::ptrdiff_t stride, int keys) {
  const int blocks = blocks_for(keys);
  float* last = scores + (blocks - 1) * stride;
  for (int i = keys - (blocks - 1) * kBlockTokens; i < kBlockTokens; ++i) last[i] = -__builtin_inff();
  Vec largest = load(scores);
  for (int b = 0; b < blocks; ++b) {
    for (int v = 0; v < kVecsPerBlock; ++v) largest = max(largest, load(scores + b * stride + v * kLanes));
  }
  const float top = max_of_lanes(largest);
  Vec sums{};
  for (int b = 0; b < blocks; ++b) {
    for (int v = 0; v < kVecsPerBlock; ++v) {
      const Vec e = exp(load(scores + b * stride + v * kLanes) - top);
      store(scores + b * stride + v * kLanes, e);
      sums += e;
    }
  }
  return sum_of_lanes(sums);
}

/// Takes the scales of a row's `keys` values into their weights. Blocks of weights lie `stride` floats apart.
static void weigh(const HeadCache<Byte>& cache, const std::int32_t* table, int keys, float* weights,
                  std::ptrdiff_t stride) {
  for (int b = 0; b < blocks_for(keys); ++b) {
    const float* scales = cache.value_scales(table[b]);
    for (int i = 0; i < kBlockTokens; i += kLanes) {
      float* weight = weights + b * stride + i;
      store(weight, load(weight) * load(scales + i));
    }
  }
}

/// Adds weight times value over the keys from..to to Vecs vectors of the outputs of Rows of AllRows rows.
template <int Rows, int AllRows, int Vecs, class Element>
static inline void value_tile(const HeadCache<Element>& cache, const std::int32_t* table,
                              const float* weights, int from, int to, int offset, float* out,
                              int value_stride) {
  Vec sums[Rows][Vecs];
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vecs; ++v) sums[r][v] = load(out + r * value_stride + offset + v * kLanes);
  }
  for (int key = from; key < to;) {
    const int block = key / kBlockTokens;
    const int begin = key - block * kBlockTokens;
    const int end = to - block * kBlockTokens < kBlockTokens ? to - block * kBlockTokens : kBlockTokens;
    const float* weight = weights + block * AllRows * kBlockTokens;
    const Element* value = cache.values(table[block]) + begin * value_stride + offset;
    for (int k = begin; k < end; ++k, value += value_stride) {
      for (int v = 0; v < Vecs; ++v) {
        const Vec loaded = load(value + v * kLanes);
        for (int r = 0; r < Rows; ++r) sums[r][v] += weight[r * kBlockTokens + k] * loaded;
      }
    }
    key += end - begin;
  }
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vecs; ++v) store(out + r * value_stride + offset + v * kLanes, sums[r][v]);
  }
}

template <int Rows, int AllRows, class Element>
static void add_values(const HeadCache<Element>& cache, const std::int32_t* table, const float* weights,
                       int from, int to, float* out, int value_stride) {
  constexpr int kVecs = fitting_tile(Rows, kValueTileVecs, 4);
  int offset = 0;
  for (; offset + kVecs * kLanes <= value_stride; offset += kVecs * kLanes) {
    value_tile<Rows, AllRows, kVecs>(cache, table, weights, from, to, offset, out, value_stride);
  }
  for (; offset < value_stride; offset += kLanes) {
    value_tile<Rows, AllRows, 1>(cache, table, weights, from, to, offset, out, value_stride);
  }
}

/// Rows rows of a group. What is in the shared blocks is read once for all of them, the rest row by row.
template <int Rows, class Element>
static void attend_tile(const AttentionLayer& a, const AttentionGroup& group, const AttentionRow* rows,
                        int head, const TileScratch& scratch) {
  const HeadCache<Element> cache(a, head);
  const int value_stride = padded_head_dim(a.head_dim);
  int fewest = rows[0].position + 1;  // keys that a row may see
  int most = fewest;
  for (int r = 1; r < Rows; ++r) {
    const int keys = rows[r].position + 1;
    fewest = keys < fewest ? keys : fewest;
    most = keys > most ? keys : most;
  }
  // Scores of keys that a row may not see are taken out again by exponentiate(); values must not be added.
  const int shared = group.shared_blocks < blocks_for(most) ? group.shared_blocks : blocks_for(most);
  const int common = fewest < shared * kBlockTokens ? fewest : shared * kBlockTokens;

  for (int r = 0; r < Rows; ++r) {
    ask_for_keys(cache, rows[r].blocks, shared, blocks_for(rows[r].position + 1), a.head_dim);
  }
  for (int r = 0; r < Rows; ++r) append(a, cache, rows[r], head);
  gather_queries<Rows>(a, rows, head, scratch.queries);
  ask_for_values(cache, rows[0].blocks, 0, common / kBlockTokens, a.head_dim);
  score<Rows, Rows>(a, cache, rows[0].blocks, 0, shared, scratch.queries, scratch.scores);
  float sums[Rows];
  for (int r = 0; r < Rows; ++r) {
    const int keys = rows[r].position + 1;
    float* scores = scratch.scores + r * kBlockTokens;
    ask_for_values(cache, rows[r].blocks, common / kBlockTokens, blocks_for(keys), a.head_dim);
    score<1, Rows>(a, cache, rows[r].blocks, shared, blocks_for(keys), scratch.queries + r * kQueryChunk,
                   scores);
    sums[r] = exponentiate(scores, Rows * kBlockTokens, keys);
    if constexpr (kKvType<Element> == KvType::kInt8) {
      weigh(cache, rows[r].blocks, keys, scores, Rows * kBlockTokens);
    }
  }
  for (int i = 0; i < Rows * value_stride; ++i) scratch.out[i] = 0.0F;
  add_values<Rows, Rows>(cache, rows[0].blocks, scratch.scores, 0, common, scratch.out, value_stride);
  for (int r = 0; r < Rows; ++r) {
    float* out = scratch.out + r * value_stride;
    add_values<1, Rows>(cache, rows[r].blocks, scratch.scores + r * kBlockTokens, common,
                        rows[r].position + 1, out, value_stride);
    float* to = a.out + rows[r].row * a.width + head * a.head_dim;
    for (int d = 0; d < a.head_dim; ++d) to[d] = out[d] / sums[r];
  }
}

template <int Rows, class Element>
static void attend_some(const AttentionLayer& a, const AttentionGroup& group, const AttentionRow* rows,
                        int count, int head, const TileScratch& scratch) {
  if (count == Rows) return attend_tile<Rows, Element>(a, group, rows, head, scratch);
  if constexpr (Rows > 1) attend_some<Rows - 1, Element>(a, group, rows, count, head, scratch);
}

template <class Element>
static void attend(const AttentionLayer& a, const AttentionGroup& group, int head, float* scratch) {
  float* out = scratch + query_scratch(a.head_dim);
  const TileScratch parts{scratch, out, out + kRowGroup * padded_head_dim(a.head_dim)};
  const AttentionRow* rows = group.rows;
  for (int tiles = (group.count + kRowTile - 1) / kRowTile, left = group.count; left > 0; --tiles) {
    const int count = (left + tiles - 1) / tiles;
    attend_some<kRowTile, Element>(a, group, rows, count, head, parts);
    rows += count;
    left -= count;
  }
}
