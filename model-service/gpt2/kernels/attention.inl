// Attention of one head over a cache of blocks. Each score is a sum over the head's dimensions in ascending
// order, each output a sum over the keys in ascending order, the softmax's sum goes lane by lane: whatever is
// computed side by side, a row's bits are the same.

#include "model-service/gpt2/kernels/simd.inl"

constexpr int kVecsPerBlock = kBlockTokens / kLanes;

struct KeyValueBlocks {
  const AttentionHead& head;

  float* keys(int block) const { return head.keys + head.blocks[block] * head.block_stride; }
  float* values(int block) const { return head.values + head.blocks[block] * head.block_stride; }
};

static void append(const AttentionHead& a) {
  const KeyValueBlocks cache{a};
  const int value_stride = padded_head_dim(a.head_dim);
  for (int row = 0; row < a.rows; ++row) {
    const float* key = a.qkv + row * 3 * a.width + a.width + a.head * a.head_dim;
    const float* value = key + a.width;
    const int slot = (a.first_position + row) % kBlockTokens;
    float* keys = cache.keys((a.first_position + row) / kBlockTokens) + slot;
    float* values = cache.values((a.first_position + row) / kBlockTokens) + slot * value_stride;
    for (int d = 0; d < a.head_dim; ++d) keys[d * kBlockTokens] = key[d];
    for (int d = 0; d < value_stride; ++d) values[d] = d < a.head_dim ? value[d] : 0.0F;
  }
}

/// Scores of Rows queries against the keys of Blocks blocks.
template <int Rows, int Blocks>
static inline void score_tile(const AttentionHead& a, const float* query, int first_block, float* scores,
                              std::ptrdiff_t score_stride) {
  const KeyValueBlocks cache{a};
  const float* keys[Blocks];
  for (int b = 0; b < Blocks; ++b) keys[b] = cache.keys(first_block + b);
  Vec sums[Rows][Blocks][kVecsPerBlock] = {};
  for (int d = 0; d < a.head_dim; ++d) {
    for (int b = 0; b < Blocks; ++b) {
      for (int v = 0; v < kVecsPerBlock; ++v) {
        const Vec key = load(keys[b] + d * kBlockTokens + v * kLanes);
        for (int r = 0; r < Rows; ++r) sums[r][b][v] += query[r * 3 * a.width + d] * key;
      }
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int b = 0; b < Blocks; ++b) {
      for (int v = 0; v < kVecsPerBlock; ++v) {
        store(scores + r * score_stride + (first_block + b) * kBlockTokens + v * kLanes,
              sums[r][b][v] * a.scale);
      }
    }
  }
}

template <int Rows>
static void score(const AttentionHead& a, const float* query, int blocks, float* scores,
                  std::ptrdiff_t score_stride) {
  constexpr int kTile = Rows * kVecsPerBlock >= kScoreTileVecs ? 1 : kScoreTileVecs / (Rows * kVecsPerBlock);
  int b = 0;
  for (; b + kTile <= blocks; b += kTile) score_tile<Rows, kTile>(a, query, b, scores, score_stride);
  for (; b < blocks; ++b) score_tile<Rows, 1>(a, query, b, scores, score_stride);
}

/// Turns the scores of `keys` keys into e^(score - largest), and returns their sum. The room up to a whole
/// block becomes 0.
static float exponentiate(float* scores, int keys) {
  const int padded = (keys + kBlockTokens - 1) / kBlockTokens * kBlockTokens;
  for (int i = keys; i < padded; ++i) scores[i] = -__builtin_inff();
  Vec largest = load(scores);
  for (int i = kLanes; i < padded; i += kLanes) largest = max(largest, load(scores + i));
  const float top = max_of_lanes(largest);
  Vec sums{};
  for (int i = 0; i < padded; i += kLanes) {
    const Vec e = exp(load(scores + i) - top);
    store(scores + i, e);
    sums += e;
  }
  return sum_of_lanes(sums);
}

/// Adds weight times value over the keys from..to to Vecs vectors of the outputs of Rows queries.
template <int Rows, int Vecs>
static inline void value_tile(const AttentionHead& a, const float* weights, std::ptrdiff_t weight_stride,
                              int from, int to, int offset, float* out, int value_stride) {
  const KeyValueBlocks cache{a};
  Vec sums[Rows][Vecs];
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vecs; ++v) sums[r][v] = load(out + r * value_stride + offset + v * kLanes);
  }
  for (int key = from; key < to;) {
    const int block = key / kBlockTokens;
    const int end = (block + 1) * kBlockTokens < to ? (block + 1) * kBlockTokens : to;
    const float* value = cache.values(block) + (key - block * kBlockTokens) * value_stride + offset;
    for (; key < end; ++key, value += value_stride) {
      for (int v = 0; v < Vecs; ++v) {
        const Vec loaded = load(value + v * kLanes);
        for (int r = 0; r < Rows; ++r) sums[r][v] += weights[r * weight_stride + key] * loaded;
      }
    }
  }
  for (int r = 0; r < Rows; ++r) {
    for (int v = 0; v < Vecs; ++v) store(out + r * value_stride + offset + v * kLanes, sums[r][v]);
  }
}

template <int Rows>
static void add_values(const AttentionHead& a, const float* weights, std::ptrdiff_t weight_stride, int from,
                       int to, float* out) {
  const int value_stride = padded_head_dim(a.head_dim);
  int offset = 0;
  for (; offset + kValueTileVecs * kLanes <= value_stride; offset += kValueTileVecs * kLanes) {
    value_tile<Rows, kValueTileVecs>(a, weights, weight_stride, from, to, offset, out, value_stride);
  }
  for (; offset < value_stride; offset += kLanes) {
    value_tile<Rows, 1>(a, weights, weight_stride, from, to, offset, out, value_stride);
  }
}

/// Rows consecutive queries, the first being row `first` of the slice.
template <int Rows>
static void attend_rows(const AttentionHead& a, int first) {
  const int keys = a.first_position + first + 1;  // that the first of these rows may see
  const int blocks = (keys + Rows - 1 + kBlockTokens - 1) / kBlockTokens;
  const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(blocks) * kBlockTokens;
  const int value_stride = padded_head_dim(a.head_dim);
  float* out = a.scratch;
  float* scores = a.scratch + Rows * value_stride;
  score<Rows>(a, a.qkv + first * 3 * a.width + a.head * a.head_dim, blocks, scores, stride);
  float sums[Rows];
  for (int r = 0; r < Rows; ++r) sums[r] = exponentiate(scores + r * stride, keys + r);
  for (int i = 0; i < Rows * value_stride; ++i) out[i] = 0.0F;
  add_values<Rows>(a, scores, stride, 0, keys, out);
  for (int r = 1; r < Rows; ++r) {
    add_values<1>(a, scores + r * stride, stride, keys, keys + r, out + r * value_stride);
  }
  for (int r = 0; r < Rows; ++r) {
    float* row = a.out + (first + r) * a.width + a.head * a.head_dim;
    for (int d = 0; d < a.head_dim; ++d) row[d] = out[r * value_stride + d] / sums[r];
  }
}

static void attend(const AttentionHead& a) {
  append(a);
  int row = 0;
  for (; row + kRowGroup <= a.rows; row += kRowGroup) attend_rows<kRowGroup>(a, row);
  for (; row < a.rows; ++row) attend_rows<1>(a, row);
}
