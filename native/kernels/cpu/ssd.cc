#include "kernels/ssd.h"

#include <cassert>

#include "kernels/cpu/chunk.h"

namespace stateline::kernels::STATELINE_LEVEL {

SsdPrefill ssd_prefill;
SsdStep ssd_step;

namespace {

// One head's walk over the chunks.
class Head {
 public:
  static constexpr bool kOfKeys = false;

  Head(const SsdArguments& s, size_t index)
      : s_(s),
        h_(s.head[index]),
        Vp_(round_up(s.V, kTileCols)),
        state_(s.state + index * s.K * s.V) {}

  // Keys that no other head reads are used up.
  void chunk(const KeyChunk& keys, size_t t) {
    count_ = smaller(kChunk, s_.tokens - t);
    decays_.load(s_, h_, t);
    load_values(t);
    for (size_t row = 0; row < count_; ++row) weigh_scores(keys.scores + row * kChunk, row);
    for (size_t d = 0; d < s_.V; d += kTileCols) {
      const Panel state = panel(state_, s_.K, s_.V, s_.V, d, room_);
      for (size_t row = 0; row < count_; row += kTileRows)
        outputs(keys.queries + row * s_.K, state, t, row, d);
    }
    weigh_keys_or_values(keys.keys);
    for (size_t d = 0; d < s_.V; d += kTileCols) advance_state(keys.keys, d);
  }

 private:
  void load_values(size_t t) {
    std::memset(values_, 0, kChunk * Vp_ * sizeof(float));
    for (size_t j = 0; j < count_; ++j)
      std::memcpy(values_ + j * Vp_, s_.v + (t + j) * s_.ldv + h_ * s_.V, s_.V * sizeof(float));
    for (size_t j = 0; j < kChunk; ++j) dt_[j] = j < count_ ? s_.dt[(t + j) * s_.lda + h_] : 0.0f;
  }

  void weigh_scores(const float* scores, size_t i) {
    float* weights = weights_ + i * kChunk;
    for (size_t j = 0; j <= i; j += kLanes)
      store(weights + j, load(scores + j) * decays_.between(i, j) * load(dt_ + j));
    const size_t end = round_up(i + 1, kTileRows);  // of what the tile's last row sees
    for (size_t j = i + 1; j < end; ++j) weights[j] = 0;
  }

  // y of kTileRows tokens: what the state before the chunk gives, the masked attention inside it,
  // and the skip.
  void outputs(const float* q, const Panel& state, size_t t, size_t row, size_t d) {
    auto tile = zero_tile<kTileRows>();
    product(tile, q, s_.K, state.data, state.ld, s_.K);
    STATELINE_UNROLL
    for (size_t r = 0; r < kTileRows; ++r) scale_row(tile, r, decays_.from_start(row + r));
    product(tile, weights_ + row * kChunk, kChunk, values_ + d, Vp_, row + kTileRows);
    if (s_.D != nullptr) add_skip(tile, row, d);
    alignas(64) float out[kTileRows * kTileCols];
    store_tile(tile, out, kTileCols);
    for (size_t r = 0; r < kTileRows && row + r < count_; ++r) {
      float* y = s_.y + (t + row + r) * s_.ldy + h_ * s_.V + d;
      std::memcpy(y, out + r * kTileCols, smaller(kTileCols, s_.V - d) * sizeof(float));
    }
  }

  STATELINE_INLINE void add_skip(Tile<kTileRows>& tile, size_t row, size_t d) const {
    const Vec skip = splat(s_.D[h_]);
    STATELINE_UNROLL
    for (size_t r = 0; r < kTileRows; ++r) {
      STATELINE_UNROLL
      for (size_t j = 0; j < kTileVecs; ++j) {
        const Vec value = load(values_ + (row + r) * Vp_ + d + j * kLanes);
        tile.sums[r][j] = mul_add(skip, value, tile.sums[r][j]);
      }
    }
  }

  // The factors exp(cumulative_end - cumulative_j) dt_j of the sum below.
  void weigh_keys_or_values(float* keys) {
    alignas(64) float weights[kChunk];
    for (size_t j = 0; j < count_; j += kLanes)
      store(weights + j, decays_.between(count_ - 1, j) * load(dt_ + j));
    if (s_.heads_per_key == 1) {
      for (size_t c = 0; c < s_.K; ++c) {
        for (size_t j = 0; j < count_; j += kLanes) {
          float* key = keys + c * kChunk + j;
          store(key, load(key) * load(weights + j));
        }
      }
    } else {
      for (size_t j = 0; j < count_; ++j) {
        for (size_t d = 0; d < Vp_; d += kLanes) {
          float* value = values_ + j * Vp_ + d;
          store(value, load(value) * splat(weights[j]));
        }
      }
    }
  }

  // S = exp(cumulative_end) S + sum_j weight_j k_j v_j^T
  void advance_state(const float* keys, size_t d) {
    const Vec whole = decays_.from_start(count_ - 1);
    const Panel before = panel(state_, s_.K, s_.V, s_.V, d, room_);
    for_row_tiles(s_.K, [&]<size_t R>(size_t c) {
      Tile<R> tile;
      load_tile(tile, before.data + c * before.ld, before.ld);
      STATELINE_UNROLL
      for (size_t r = 0; r < R; ++r) scale_row(tile, r, whole);
      product(tile, keys + c * kChunk, kChunk, values_ + d, Vp_, count_);
      store_columns(tile, state_ + c * s_.V + d, s_.V, s_.V - d);
    });
  }

  const SsdArguments& s_;
  size_t h_, Vp_, count_ = 0;
  float* state_;  // [K, V]
  ChunkDecays decays_;
  alignas(64) float dt_[kChunk];
  alignas(64) float weights_[kChunk * kChunk];       // scores, decayed and masked
  alignas(64) float values_[kChunk * kMaxValueDim];  // [64, Vp]
  alignas(64) float room_[kMaxKeyDim * kTileCols];
};

// V columns of W vectors each: as many chains of sums for y side by side.
template <size_t W>
STATELINE_INLINE void step_columns(const SsdArguments& s, size_t h, float* state, size_t d,
                                   size_t n) {
  const size_t key_head = h / s.heads_per_key;
  const float *q = s.q + key_head * s.K, *k = s.k + key_head * s.K, *v = s.v + h * s.V + d;
  const Vec decay = exp(splat(s.a[h])), dt = splat(s.dt[h]);
  Vec value[W], y[W];
  STATELINE_UNROLL
  for (size_t j = 0; j < W; ++j) {
    value[j] = load_up_to(v + j * kLanes, n) * dt;
    y[j] = splat(0);
  }
  for (size_t c = 0; c < s.K; ++c) {
    const Vec key = splat(k[c]), query = splat(q[c]);
    STATELINE_UNROLL
    for (size_t j = 0; j < W; ++j) {
      float* cell = state + c * s.V + d + j * kLanes;
      const Vec next = mul_add(key, value[j], load_up_to(cell, n) * decay);
      store_up_to(cell, next, n);
      y[j] = mul_add(query, next, y[j]);
    }
  }
  STATELINE_UNROLL
  for (size_t j = 0; j < W; ++j) {
    Vec out = y[j] * splat(s.scale);
    if (s.D != nullptr) out = mul_add(splat(s.D[h]), load_up_to(v + j * kLanes, n), out);
    store_up_to(s.y + h * s.V + d + j * kLanes, out, n);
  }
}

void step_head(const SsdArguments& s, size_t index) {
  const size_t h = s.head[index];
  float* state = s.state + index * s.K * s.V;
  size_t d = 0;
  for (; d + 4 * kLanes <= s.V; d += 4 * kLanes) step_columns<4>(s, h, state, d, kLanes);
  for (; d + 2 * kLanes <= s.V; d += 2 * kLanes) step_columns<2>(s, h, state, d, kLanes);
  for (; d < s.V; d += kLanes) step_columns<1>(s, h, state, d, smaller(kLanes, s.V - d));
}

double estimate_ns(const SsdArguments& s) {
  const double per_token =
      6.0 * static_cast<double>(s.K * s.V) + static_cast<double>(kChunk * (s.K + s.V));
  return static_cast<double>(s.tokens * s.heads) * per_token / kFlopsPerNs;
}

}  // namespace

void ssd_prefill(ThreadPool& pool, const SsdArguments& s) {
  assert(s.K <= kMaxKeyDim && s.V <= kMaxValueDim && s.heads % s.heads_per_key == 0);
  if (s.tokens == 0) return;
  run_chunks<Head>(pool, s, estimate_ns(s));
}

void ssd_step(ThreadPool& pool, const SsdArguments& s) {
  assert(s.tokens == 1);
  pool.run(s.heads, estimate_ns(s), [&](size_t index) { step_head(s, index); });
}

}  // namespace stateline::kernels::STATELINE_LEVEL
