#include "kernels/delta.h"

#include <cassert>

#include "kernels/cpu/chunk.h"
#include "kernels/cpu/triangle.h"

namespace stateline::kernels::STATELINE_LEVEL {

Delta delta;

namespace {

constexpr size_t kStepped = 8;  // so few tokens are quicker one by one

// One head's walk over the chunks.
class Head {
 public:
  static constexpr bool kOfKeys = true;

  Head(const SsdArguments& s, size_t index)
      : s_(s), h_(s.head[index]), state_(s.state + index * s.K * s.V) {}

  void chunk(const KeyChunk& keys, size_t t) {
    count_ = smaller(kChunk, s_.tokens - t);
    decays_.load(s_, h_, t);
    for (size_t j = 0; j < kChunk; ++j) beta_[j] = j < count_ ? s_.dt[(t + j) * s_.lda + h_] : 0.0f;
    for (size_t row = 0; row < round_up(count_, kTileRows); ++row) weigh(keys, row);
    for (size_t d = 0; d < s_.V; d += kTileCols) {
      const Panel state = panel(state_, s_.K, s_.V, s_.V, d, room_);
      for (size_t row = 0; row < count_; row += kTileRows) {
        write(keys.key_rows + row * s_.K, state, t, row, d);
        read(keys.queries + row * s_.K, state, t, row, d);
      }
      advance_state(keys.keys, state, d);
    }
  }

 private:
  // What the values written before in the chunk take from u_i and give to y_i.
  void weigh(const KeyChunk& keys, size_t i) {
    float *taken = taken_ + i * kChunk, *given = given_ + i * kChunk;
    const Vec strength = splat(0 - beta_[i]);
    for (size_t j = 0; j <= i; j += kLanes) {
      const Vec decay = decays_.between(i, j);
      store(taken + j, load(keys.key_scores + i * kChunk + j) * decay * strength);
      store(given + j, load(keys.scores + i * kChunk + j) * decay);
    }
    const size_t end = round_up(i + 1, kTileRows);  // of what the tile's last row sees
    for (size_t j = i + 1; j < end; ++j) given[j] = 0;
  }

  // u of kTileRows tokens: beta (v - what the state says), of which a part is being written.
  void write(const float* k, const Panel& state, size_t t, size_t row, size_t d) {
    auto tile = zero_tile<kTileRows>();
    product(tile, k, s_.K, state.data, state.ld, s_.K);
    alignas(64) float values[kTileRows * kTileCols] = {};
    for (size_t r = 0; r < kTileRows && row + r < count_; ++r) {
      std::memcpy(values + r * kTileCols, s_.v + (t + row + r) * s_.ldv + h_ * s_.V + d,
                  smaller(kTileCols, s_.V - d) * sizeof(float));
    }
    STATELINE_UNROLL
    for (size_t r = 0; r < kTileRows; ++r) {
      const Vec decay = decays_.from_start(row + r), beta = splat(beta_[row + r]);
      STATELINE_UNROLL
      for (size_t j = 0; j < kTileVecs; ++j) {
        const Vec value = load(values + r * kTileCols + j * kLanes);
        tile.sums[r][j] = beta * (value - decay * tile.sums[r][j]);
      }
    }
    const float* taken = taken_ + row * kChunk;
    product(tile, taken, kChunk, written_, kTileCols, row);
    solve_triangle(tile, taken + row, kChunk);
    store_tile(tile, written_ + row * kTileCols, kTileCols);
  }

  void read(const float* q, const Panel& state, size_t t, size_t row, size_t d) {
    auto tile = zero_tile<kTileRows>();
    product(tile, q, s_.K, state.data, state.ld, s_.K);
    STATELINE_UNROLL
    for (size_t r = 0; r < kTileRows; ++r) scale_row(tile, r, decays_.from_start(row + r));
    product(tile, given_ + row * kChunk, kChunk, written_, kTileCols, row + kTileRows);
    alignas(64) float out[kTileRows * kTileCols];
    store_tile(tile, out, kTileCols);
    for (size_t r = 0; r < kTileRows && row + r < count_; ++r) {
      std::memcpy(s_.y + (t + row + r) * s_.ldy + h_ * s_.V + d, out + r * kTileCols,
                  smaller(kTileCols, s_.V - d) * sizeof(float));
    }
  }

  // S = exp(cumulative_end) S + sum_j exp(cumulative_end - cumulative_j) k_j u_j^T
  void advance_state(const float* keys, const Panel& before, size_t d) {
    alignas(64) float weights[kChunk];
    for (size_t j = 0; j < count_; j += kLanes) store(weights + j, decays_.between(count_ - 1, j));
    for (size_t j = 0; j < count_; ++j) {
      for (size_t c = 0; c < kTileCols; c += kLanes) {
        float* u = written_ + j * kTileCols + c;
        store(u, load(u) * splat(weights[j]));
      }
    }
    const Vec whole = decays_.from_start(count_ - 1);
    for_row_tiles(s_.K, [&]<size_t R>(size_t c) {
      Tile<R> tile;
      load_tile(tile, before.data + c * before.ld, before.ld);
      STATELINE_UNROLL
      for (size_t r = 0; r < R; ++r) scale_row(tile, r, whole);
      product(tile, keys + c * kChunk, kChunk, written_, kTileCols, count_);
      store_columns(tile, state_ + c * s_.V + d, s_.V, s_.V - d);
    });
  }

  const SsdArguments& s_;
  size_t h_, count_ = 0;
  float* state_;  // [K, V]
  ChunkDecays decays_;
  alignas(64) float beta_[kChunk];
  alignas(64) float taken_[kChunk * kChunk], given_[kChunk * kChunk];
  alignas(64) float written_[kChunk * kTileCols];  // u of some columns
  alignas(64) float room_[kMaxKeyDim * kTileCols];
};

// One token, V columns of W vectors: y = scale * (exp(a) S^T q + (k . q) u), so that one walk over
// S finds what it says and the next writes.
template <size_t W>
STATELINE_INLINE void step_columns(const SsdArguments& s, size_t h, size_t t, float k_q,
                                   float* state, size_t d, size_t n) {
  const size_t key_head = h / s.heads_per_key;
  const float *q = s.q + t * s.ldq + key_head * s.K, *k = s.k + t * s.ldk + key_head * s.K;
  const float* v = s.v + t * s.ldv + h * s.V + d;
  Vec of_key[W], of_query[W], u[W];
  STATELINE_UNROLL
  for (size_t j = 0; j < W; ++j) of_key[j] = of_query[j] = splat(0);
  for (size_t c = 0; c < s.K; ++c) {
    STATELINE_UNROLL
    for (size_t j = 0; j < W; ++j) {
      const Vec cell = load_up_to(state + c * s.V + d + j * kLanes, n);
      of_key[j] = mul_add(splat(k[c]), cell, of_key[j]);
      of_query[j] = mul_add(splat(q[c]), cell, of_query[j]);
    }
  }
  const Vec decay = exp(splat(s.a[t * s.lda + h])), beta = splat(s.dt[t * s.lda + h]);
  STATELINE_UNROLL
  for (size_t j = 0; j < W; ++j) {
    u[j] = beta * (load_up_to(v + j * kLanes, n) - decay * of_key[j]);
    const Vec y = mul_add(splat(k_q), u[j], decay * of_query[j]) * splat(s.scale);
    store_up_to(s.y + t * s.ldy + h * s.V + d + j * kLanes, y, n);
  }
  for (size_t c = 0; c < s.K; ++c) {
    STATELINE_UNROLL
    for (size_t j = 0; j < W; ++j) {
      float* cell = state + c * s.V + d + j * kLanes;
      store_up_to(cell, mul_add(splat(k[c]), u[j], load_up_to(cell, n) * decay), n);
    }
  }
}

void step_head(const SsdArguments& s, size_t index, size_t t) {
  const size_t h = s.head[index], key_head = h / s.heads_per_key;
  const float *q = s.q + t * s.ldq + key_head * s.K, *k = s.k + t * s.ldk + key_head * s.K;
  Vec products = splat(0);
  for_vectors(s.K, [&](size_t c, size_t n) {
    products = mul_add(load_up_to(k + c, n), load_up_to(q + c, n), products);
  });
  const float k_q = sum(products);
  float* state = s.state + index * s.K * s.V;
  size_t d = 0;
  for (; d + 4 * kLanes <= s.V; d += 4 * kLanes) step_columns<4>(s, h, t, k_q, state, d, kLanes);
  for (; d < s.V; d += kLanes) step_columns<1>(s, h, t, k_q, state, d, smaller(kLanes, s.V - d));
}

double estimate_ns(const SsdArguments& s) {
  const double per_token =
      8.0 * static_cast<double>(s.K * s.V) + static_cast<double>(kChunk * (s.K + 2 * s.V));
  return static_cast<double>(s.tokens * s.heads) * per_token / kFlopsPerNs;
}

}  // namespace

void delta(ThreadPool& pool, const SsdArguments& s) {
  assert(s.K <= kMaxKeyDim && s.V <= kMaxValueDim && s.heads % s.heads_per_key == 0);
  if (s.tokens > kStepped) return run_chunks<Head>(pool, s, estimate_ns(s));
  pool.run(s.heads, estimate_ns(s), [&](size_t index) {
    for (size_t t = 0; t < s.tokens; ++t) step_head(s, index, t);
  });
}

}  // namespace stateline::kernels::STATELINE_LEVEL
