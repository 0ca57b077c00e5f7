#include "kernels/recurrent_log.h"

#include <cassert>

#include "kernels/cpu/small_product.h"

namespace stateline::kernels::STATELINE_LEVEL {

SsdLog ssd_log;
LogFold log_fold;

namespace {

constexpr size_t kPage = kPageTokens;
constexpr double kFlopsPerNs = 2.0 * kLanes;  // only the decision to split depends on it
constexpr size_t kRowsAhead = 2 * kTileRows;
constexpr double kNsPerCell = 0.2;  // of a base that comes from memory; the same

// scores[r][j] = x_r . k_j for R rows x and the keys of a page up to `seen`; a few more are
// written.
template <size_t R>
void dot_keys(const float* x, size_t ldx, const float* keys, size_t K, size_t seen, float* scores) {
  constexpr size_t kKeys = 4;  // side by side, as many chains of sums
  for (size_t j = 0; j < seen; j += kKeys) {
    Vec sums[R][kKeys];
    STATELINE_UNROLL
    for (size_t i = 0; i < R * kKeys; ++i) sums[i / kKeys][i % kKeys] = splat(0);
    for_vectors(K, [&](size_t c, size_t n) {
      Vec key[kKeys];
      STATELINE_UNROLL
      for (size_t i = 0; i < kKeys; ++i) key[i] = load_up_to(keys + (j + i) * K + c, n);
      STATELINE_UNROLL
      for (size_t r = 0; r < R; ++r) {
        const Vec row = load_up_to(x + r * ldx + c, n);
        STATELINE_UNROLL
        for (size_t i = 0; i < kKeys; ++i) sums[r][i] = mul_add(row, key[i], sums[r][i]);
      }
    });
    STATELINE_UNROLL
    for (size_t i = 0; i < R * kKeys; ++i)
      scores[i / kKeys * kPage + j + i % kKeys] = sum(sums[i / kKeys][i % kKeys]);
  }
}

// Appends the keys that head number i of the layer reads; scores [tokens, 32] = q . k.
void read_keys(const LogArguments& arguments, size_t i, float* scores) {
  const SsdArguments& s = arguments.rows;
  const size_t key_head = s.head[i] / s.heads_per_key, held = arguments.held;
  float* keys = log_view(arguments.part, i, s.heads_per_key, s.K, s.V).k;
  for (size_t t = 0; t < s.tokens; ++t)
    std::memcpy(keys + (held + t) * s.K, s.k + t * s.ldk + key_head * s.K, s.K * sizeof(float));
  const float* q = s.q + key_head * s.K;
  size_t t = 0;
  for (; t + 2 <= s.tokens; t += 2)
    dot_keys<2>(q + t * s.ldq, s.ldq, keys, s.K, held + t + 2, scores + t * kPage);
  if (t < s.tokens) dot_keys<1>(q + t * s.ldq, s.ldq, keys, s.K, held + t + 1, scores + t * kPage);
}

// exp(cumulative[i] - cumulative[j]) for j <= i; what is behind means nothing.
STATELINE_INLINE void decays_to(const double* cumulative, size_t i, float* decays) {
  for (size_t j = 0; j < kPage; ++j) decays[j] = static_cast<float>(cumulative[i] - cumulative[j]);
  for (size_t j = 0; j <= i; j += kLanes) store(decays + j, exp(min(load(decays + j), splat(0))));
}

// sums += x B of x [k] and W vectors of columns of B [k, ...], in as many chains as hide what a
// multiply-add takes.
template <size_t W>
STATELINE_INLINE void multiply_row(Vec (&sums)[W], const float* x, const float* B, size_t ldb,
                                   size_t k, size_t n) {
  constexpr size_t kChains = W >= 8 ? 1 : 8 / W;
  Vec chains[kChains][W];
  STATELINE_UNROLL
  for (size_t i = 0; i < kChains * W; ++i) chains[i / W][i % W] = splat(0);
  size_t c = 0;
  for (; c + kChains <= k; c += kChains) {
    STATELINE_UNROLL
    for (size_t i = 0; i < kChains * W; ++i) {
      const Vec b = load_up_to(B + (c + i / W) * ldb + i % W * kLanes, n);
      chains[i / W][i % W] = mul_add(splat(x[c + i / W]), b, chains[i / W][i % W]);
    }
  }
  for (; c < k; ++c) {
    STATELINE_UNROLL
    for (size_t j = 0; j < W; ++j)
      sums[j] = mul_add(splat(x[c]), load_up_to(B + c * ldb + j * kLanes, n), sums[j]);
  }
  STATELINE_UNROLL
  for (size_t i = 0; i < kChains * W; ++i) sums[i % W] = sums[i % W] + chains[i / W][i % W];
}

// One head's new tokens.
class Head {
 public:
  Head(const LogArguments& arguments, size_t i)
      : s_(arguments.rows),
        h_(s_.head[i]),
        held_(arguments.held),
        q_(s_.q + h_ / s_.heads_per_key * s_.K),
        base_(arguments.base + i * s_.K * s_.V),
        log_(log_view(arguments.part, i, s_.heads_per_key, s_.K, s_.V)) {}

  void run(const float* scores) {
    append();
    for (size_t t = 0; t < s_.tokens; ++t) weigh(scores, t);
    if (s_.tokens == 1) return output();
    for (size_t d = 0; d < s_.V; d += kTileCols) outputs(d);
  }

 private:
  void append() {
    double total = held_ == 0 ? 0 : log_.cumulative[held_ - 1];
    for (size_t t = 0; t < s_.tokens; ++t) {
      total += static_cast<double>(s_.a[t * s_.lda + h_]);
      log_.cumulative[held_ + t] = total;
      const float* v = s_.v + t * s_.ldv + h_ * s_.V;
      float* u = log_.u + (held_ + t) * s_.V;
      const Vec dt = splat(s_.dt[t * s_.lda + h_]);
      for_vectors(s_.V,
                  [&](size_t d, size_t n) { store_up_to(u + d, load_up_to(v + d, n) * dt, n); });
    }
  }

  // Scores become weights of u; those of later tokens are zero as far as a tile of rows sees them.
  void weigh(const float* scores, size_t t) {
    const size_t i = held_ + t;
    float* weights = weights_ + t * kPage;
    decays_to(log_.cumulative, i, weights);
    for (size_t j = 0; j <= i; j += kLanes)
      store(weights + j, load(weights + j) * load(scores + t * kPage + j) * splat(s_.scale));
    for (size_t j = i + 1; j < kPage; ++j) weights[j] = 0;
    from_start_[t] = s_.scale * exp(static_cast<float>(log_.cumulative[i]));
  }

  void output() const {
    size_t d = 0;
    for (; d + 8 * kLanes <= s_.V; d += 8 * kLanes) output_columns<8>(d, kLanes);
    for (; d + 4 * kLanes <= s_.V; d += 4 * kLanes) output_columns<4>(d, kLanes);
    for (; d + 2 * kLanes <= s_.V; d += 2 * kLanes) output_columns<2>(d, kLanes);
    for (; d < s_.V; d += kLanes) output_columns<1>(d, smaller(kLanes, s_.V - d));
  }

  template <size_t W>
  STATELINE_INLINE void output_columns(size_t d, size_t n) const {
    Vec y[W];
    STATELINE_UNROLL
    for (size_t j = 0; j < W; ++j) y[j] = splat(0);
    multiply_row<W>(y, q_, base_ + d, s_.V, s_.K, n);
    STATELINE_UNROLL
    for (size_t j = 0; j < W; ++j) y[j] = y[j] * splat(from_start_[0]);
    multiply_row<W>(y, weights_, log_.u + d, s_.V, held_ + 1, n);
    STATELINE_UNROLL
    for (size_t j = 0; j < W; ++j) {
      const size_t at = h_ * s_.V + d + j * kLanes;
      if (s_.D != nullptr) y[j] = mul_add(splat(s_.D[h_]), load_up_to(s_.v + at, n), y[j]);
      store_up_to(s_.y + at, y[j], n);
    }
  }

  void outputs(size_t d) {
    const size_t columns = s_.V - d;
    const Panel base = panel(base_, s_.K, s_.V, s_.V, d, base_room_);
    const Panel u = panel(log_.u, held_ + s_.tokens, s_.V, s_.V, d, u_room_);
    for_row_tiles(s_.tokens, [&]<size_t R>(size_t row) {
      auto tile = zero_tile<R>();
      product(tile, q_ + row * s_.ldq, s_.ldq, base.data, base.ld, s_.K);
      STATELINE_UNROLL
      for (size_t r = 0; r < R; ++r) scale_row(tile, r, splat(from_start_[row + r]));
      product(tile, weights_ + row * kPage, kPage, u.data, u.ld, held_ + row + R);
      store_columns(tile, s_.y + row * s_.ldy + h_ * s_.V + d, s_.ldy, columns);
    });
    if (s_.D != nullptr) add_skip(d, smaller(columns, kTileCols));
  }

  void add_skip(size_t d, size_t columns) const {
    for (size_t t = 0; t < s_.tokens; ++t) {
      const float* v = s_.v + t * s_.ldv + h_ * s_.V + d;
      float* y = s_.y + t * s_.ldy + h_ * s_.V + d;
      for_vectors(columns, [&](size_t j, size_t n) {
        store_up_to(y + j, mul_add(splat(s_.D[h_]), load_up_to(v + j, n), load_up_to(y + j, n)), n);
      });
    }
  }

  const SsdArguments& s_;
  size_t h_, held_;
  const float* q_;
  const float* base_;  // [K, V]
  LogView log_;
  float from_start_[kPage];                   // scale * exp(cumulative)
  alignas(64) float weights_[kPage * kPage];  // [tokens, 32]
  alignas(64) float base_room_[kMaxKeyDim * kTileCols];
  alignas(64) float u_room_[kPage * kTileCols];
};

// A base and its successor come from memory: rows are asked for while those before are multiplied
// (half the time of the fold).
STATELINE_INLINE void prefetch_rows(const float* rows, size_t ld, size_t count) {
  for (size_t r = 0; r < count; ++r) {
    for (size_t j = 0; j < kTileCols; j += 16) prefetch(rows + r * ld + j);
  }
}

void fold_head(const FoldArguments& s, size_t i) {
  const size_t K = s.K, V = s.V;
  const LogView log = log_view(const_cast<std::byte*>(s.part), i, s.heads_per_key, K, V);
  const float* base = s.base + i * K * V;
  float* state = s.state + i * K * V;
  const Vec whole = exp(splat(static_cast<float>(log.cumulative[s.tokens - 1])));
  alignas(64) float decays[kPage], u[kPage * kTileCols], room[kMaxKeyDim * kTileCols];
  decays_to(log.cumulative, s.tokens - 1, decays);
  for (size_t d = 0; d < V; d += kTileCols) {
    const Panel before = panel(base, K, V, V, d, room);
    const Panel written = panel(log.u, s.tokens, V, V, d, u);
    for (size_t j = 0; j < s.tokens; ++j) {
      for (size_t c = 0; c < kTileCols; c += kLanes)
        store(u + j * kTileCols + c, load(written.data + j * written.ld + c) * splat(decays[j]));
    }
    for_row_tiles(K, [&]<size_t R>(size_t c) {
      if (c + kRowsAhead + R <= K) {
        prefetch_rows(base + (c + kRowsAhead) * V + d, V, R);
        prefetch_rows(state + (c + kRowsAhead) * V + d, V, R);
      }
      Tile<R> tile;
      load_tile(tile, before.data + c * before.ld, before.ld);
      STATELINE_UNROLL
      for (size_t r = 0; r < R; ++r) scale_row(tile, r, whole);
      multiply_transposed(tile, log.k + c, K, u, kTileCols, s.tokens);
      store_columns(tile, state + c * V + d, V, V - d);
    });
  }
}

double estimate_ns(size_t heads, size_t tokens, size_t K, size_t V) {
  const auto cells = static_cast<double>(heads * K * V), rows = static_cast<double>(tokens);
  return cells * (kNsPerCell + 2 * rows / kFlopsPerNs);
}

}  // namespace

void ssd_log(ThreadPool& pool, const LogArguments& arguments) {
  const SsdArguments& s = arguments.rows;
  assert(s.K <= kMaxKeyDim && s.V <= kMaxValueDim && s.tokens + arguments.held <= kPage);
  const double cost = estimate_ns(s.heads, s.tokens, s.K, s.V);
  if (s.tokens == 0) return;
  if (s.heads_per_key == 1) {
    pool.run(s.heads, cost, [&](size_t i) {
      alignas(64) float scores[kPage * kPage];
      read_keys(arguments, i, scores);
      Head(arguments, i).run(scores);
    });
    return;
  }
  const size_t groups = s.heads / s.heads_per_key, floats = s.tokens * kPage;
  auto* scores = reinterpret_cast<float*>(pool.scratch(groups * floats * sizeof(float)));
  pool.run(groups, estimate_ns(groups, s.tokens, s.K, kPage), [&](size_t group) {
    read_keys(arguments, group * s.heads_per_key, scores + group * floats);
  });
  pool.run(s.heads, cost,
           [&](size_t i) { Head(arguments, i).run(scores + i / s.heads_per_key * floats); });
}

void log_fold(ThreadPool& pool, const FoldArguments& s) {
  assert(s.K <= kMaxKeyDim && s.V <= kMaxValueDim && s.tokens <= kPage);
  if (s.tokens == 0) {
    if (s.state != s.base) std::memcpy(s.state, s.base, s.heads * s.K * s.V * sizeof(float));
    return;
  }
  pool.run(s.heads, estimate_ns(s.heads, s.tokens, s.K, s.V), [&](size_t i) { fold_head(s, i); });
}

}  // namespace stateline::kernels::STATELINE_LEVEL
