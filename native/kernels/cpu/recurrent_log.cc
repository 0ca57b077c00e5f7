#include "kernels/recurrent_log.h"

#include <cassert>

#include "kernels/cpu/triangle.h"
#include "kernels/delta.h"

namespace stateline::kernels::STATELINE_LEVEL {

SsdLog ssd_log;
DeltaLog delta_log;
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

// scores [tokens, 32] = x_t . k_j for the rows x of the new tokens.
void score(const LogArguments& arguments, const float* x, size_t ldx, const float* keys,
           float* scores) {
  const size_t K = arguments.rows.K, tokens = arguments.rows.tokens, held = arguments.held;
  size_t t = 0;
  for (; t + 2 <= tokens; t += 2)
    dot_keys<2>(x + t * ldx, ldx, keys, K, held + t + 2, scores + t * kPage);
  if (t < tokens) dot_keys<1>(x + t * ldx, ldx, keys, K, held + t + 1, scores + t * kPage);
}

// What the heads that share a key head have in common, [tokens, 32] each: the delta rule asks also
// what new keys have to do with keys.
struct Scores {
  float *of_queries, *of_keys;
};

// Appends the keys that head number i of the layer reads, and scores the new tokens.
void read_keys(const LogArguments& arguments, size_t i, bool of_keys, const Scores& scores) {
  const SsdArguments& s = arguments.rows;
  const size_t key_head = s.head[i] / s.heads_per_key;
  const float* k = s.k + key_head * s.K;
  float* keys = log_view(arguments.part, i, s.heads_per_key, s.K, s.V).k;
  for (size_t t = 0; t < s.tokens; ++t)
    std::memcpy(keys + (arguments.held + t) * s.K, k + t * s.ldk, s.K * sizeof(float));
  score(arguments, s.q + key_head * s.K, s.ldq, keys, scores.of_queries);
  if (of_keys) score(arguments, k, s.ldk, keys, scores.of_keys);
}

// exp(cumulative[i] - cumulative[j]) for j <= i; what is behind means nothing.
STATELINE_INLINE void decays_to(const double* cumulative, size_t i, float* decays) {
  for (size_t j = 0; j < kPage; ++j) decays[j] = static_cast<float>(cumulative[i] - cumulative[j]);
  for (size_t j = 0; j <= i; j += kLanes) store(decays + j, exp(min(load(decays + j), splat(0))));
}

// sums[r] += x_r B of R rows x [k] and W vectors of columns of B [k, ...], in as many chains as
// hide what a multiply-add takes.
template <size_t R, size_t W>
STATELINE_INLINE void multiply_rows(Vec (&sums)[R][W], const float* const (&x)[R], const float* B,
                                    size_t ldb, size_t k, size_t n) {
  constexpr size_t kChains = R * W >= 8 ? 1 : 8 / (R * W);
  Vec chains[kChains][R][W];
  STATELINE_UNROLL
  for (size_t i = 0; i < kChains * R * W; ++i) chains[i / (R * W)][i / W % R][i % W] = splat(0);
  const auto add = [&](Vec(&to)[R][W], size_t c) {
    STATELINE_UNROLL
    for (size_t j = 0; j < W; ++j) {
      const Vec b = load_up_to(B + c * ldb + j * kLanes, n);
      STATELINE_UNROLL
      for (size_t r = 0; r < R; ++r) to[r][j] = mul_add(splat(x[r][c]), b, to[r][j]);
    }
  };
  size_t c = 0;
  for (; c + kChains <= k; c += kChains) {
    STATELINE_UNROLL
    for (size_t i = 0; i < kChains; ++i) add(chains[i], c + i);
  }
  for (; c < k; ++c) add(sums, c);
  STATELINE_UNROLL
  for (size_t i = 0; i < kChains * R * W; ++i) {
    Vec& sum = sums[i / W % R][i % W];
    sum = sum + chains[i / (R * W)][i / W % R][i % W];
  }
}

// One head's new tokens. Of ssd the written values are known; of the delta rule they are what the
// memory before the token does not say yet.
template <bool kDelta>
class Head {
 public:
  Head(const LogArguments& arguments, size_t i)
      : s_(arguments.rows),
        h_(s_.head[i]),
        held_(arguments.held),
        q_(s_.q + h_ / s_.heads_per_key * s_.K),
        k_(s_.k + h_ / s_.heads_per_key * s_.K),
        base_(arguments.base + i * s_.K * s_.V),
        log_(log_view(arguments.part, i, s_.heads_per_key, s_.K, s_.V)) {}

  void run(const Scores& scores) {
    append();
    for (size_t t = 0; t < s_.tokens; ++t) weigh(scores, t);
    if (s_.tokens == 1) return step();
    for (size_t d = 0; d < s_.V; d += kTileCols) {
      const Panel base = panel(base_, s_.K, s_.V, s_.V, d, base_room_);
      if constexpr (kDelta) write(base, d);
      read(base, d);
    }
  }

 private:
  void append() {
    double total = held_ == 0 ? 0 : log_.cumulative[held_ - 1];
    for (size_t t = 0; t < s_.tokens; ++t) {
      total += static_cast<double>(s_.a[t * s_.lda + h_]);
      log_.cumulative[held_ + t] = total;
      if constexpr (kDelta) continue;
      const float* v = s_.v + t * s_.ldv + h_ * s_.V;
      float* u = log_.u + (held_ + t) * s_.V;
      const Vec dt = splat(s_.dt[t * s_.lda + h_]);
      for_vectors(s_.V,
                  [&](size_t d, size_t n) { store_up_to(u + d, load_up_to(v + d, n) * dt, n); });
    }
  }

  // Scores become weights of u; those of later tokens are zero as far as a tile of rows sees them.
  void weigh(const Scores& scores, size_t t) {
    const size_t i = held_ + t;
    float* given = given_ + t * kPage;
    alignas(64) float decays[kPage];
    decays_to(log_.cumulative, i, decays);
    for (size_t j = 0; j <= i; j += kLanes)
      store(given + j,
            load(decays + j) * load(scores.of_queries + t * kPage + j) * splat(s_.scale));
    for (size_t j = i + 1; j < kPage; ++j) given[j] = 0;
    from_start_[t] = exp(static_cast<float>(log_.cumulative[i]));
    if constexpr (kDelta) {
      const Vec strength = splat(0 - beta(t));
      for (size_t j = 0; j <= i; j += kLanes) {
        const Vec score = load(scores.of_keys + t * kPage + j);
        store(taken_ + t * kPage + j, load(decays + j) * score * strength);
      }
    }
  }
  float beta(size_t t) const { return s_.dt[t * s_.lda + h_]; }

  void step() const {
    constexpr size_t kMost = kDelta ? 4 : 8;
    size_t d = 0;
    for (; d + kMost * kLanes <= s_.V; d += kMost * kLanes) step_columns<kMost>(d, kLanes);
    for (; d + 2 * kLanes <= s_.V; d += 2 * kLanes) step_columns<2>(d, kLanes);
    for (; d < s_.V; d += kLanes) step_columns<1>(d, smaller(kLanes, s_.V - d));
  }

  // V columns of W vectors of the one new token. sums[0] goes to y, sums[1] becomes u.
  template <size_t W>
  STATELINE_INLINE void step_columns(size_t d, size_t n) const {
    constexpr size_t R = kDelta ? 2 : 1;
    const float *base_rows[R], *log_rows[R];
    Vec sums[R][W], from_start[R];
    base_rows[0] = q_, log_rows[0] = given_, from_start[0] = splat(s_.scale * from_start_[0]);
    if constexpr (kDelta) {
      base_rows[1] = k_, log_rows[1] = taken_, from_start[1] = splat(0 - beta(0) * from_start_[0]);
    }
    STATELINE_UNROLL
    for (size_t i = 0; i < R * W; ++i) sums[i / W][i % W] = splat(0);
    multiply_rows<R, W>(sums, base_rows, base_ + d, s_.V, s_.K, n);
    STATELINE_UNROLL
    for (size_t i = 0; i < R * W; ++i) sums[i / W][i % W] = sums[i / W][i % W] * from_start[i / W];
    multiply_rows<R, W>(sums, log_rows, log_.u + d, s_.V, held_ + (kDelta ? 0 : 1), n);
    STATELINE_UNROLL
    for (size_t j = 0; j < W; ++j) {
      const size_t at = h_ * s_.V + d + j * kLanes;
      const Vec value = load_up_to(s_.v + at, n);
      Vec y = sums[0][j];
      if constexpr (kDelta) {
        const Vec u = mul_add(splat(beta(0)), value, sums[1][j]);
        store_up_to(log_.u + held_ * s_.V + d + j * kLanes, u, n);
        y = mul_add(splat(given_[held_]), u, y);
      } else if (s_.D != nullptr) {
        y = mul_add(splat(s_.D[h_]), value, y);
      }
      store_up_to(s_.y + at, y, n);
    }
  }

  // u = beta (v - what base and log say to k), the columns from d on.
  void write(const Panel& base, size_t d) {
    const size_t columns = smaller(kTileCols, s_.V - d);
    for_row_tiles(s_.tokens, [&]<size_t R>(size_t row) {
      alignas(64) float values[R * kTileCols] = {};
      for (size_t r = 0; r < R; ++r) {
        std::memcpy(values + r * kTileCols, s_.v + (row + r) * s_.ldv + h_ * s_.V + d,
                    columns * sizeof(float));
      }
      auto tile = zero_tile<R>();
      product(tile, k_ + row * s_.ldk, s_.ldk, base.data, base.ld, s_.K);
      STATELINE_UNROLL
      for (size_t r = 0; r < R; ++r) {
        const Vec decay = splat(from_start_[row + r]), strength = splat(beta(row + r));
        STATELINE_UNROLL
        for (size_t j = 0; j < kTileVecs; ++j) {
          const Vec value = load(values + r * kTileCols + j * kLanes);
          tile.sums[r][j] = strength * (value - decay * tile.sums[r][j]);
        }
      }
      const size_t place = held_ + row;
      const Panel u = panel(log_.u, place, s_.V, s_.V, d, u_room_);
      product(tile, taken_ + row * kPage, kPage, u.data, u.ld, place);
      solve_triangle(tile, taken_ + row * kPage + place, kPage);
      store_columns(tile, log_.u + place * s_.V + d, s_.V, columns);
    });
  }

  void read(const Panel& base, size_t d) {
    const size_t columns = s_.V - d;
    const Panel u = panel(log_.u, held_ + s_.tokens, s_.V, s_.V, d, u_room_);
    for_row_tiles(s_.tokens, [&]<size_t R>(size_t row) {
      auto tile = zero_tile<R>();
      product(tile, q_ + row * s_.ldq, s_.ldq, base.data, base.ld, s_.K);
      STATELINE_UNROLL
      for (size_t r = 0; r < R; ++r) scale_row(tile, r, splat(s_.scale * from_start_[row + r]));
      product(tile, given_ + row * kPage, kPage, u.data, u.ld, held_ + row + R);
      store_columns(tile, s_.y + row * s_.ldy + h_ * s_.V + d, s_.ldy, columns);
    });
    if (!kDelta && s_.D != nullptr) add_skip(d, smaller(columns, kTileCols));
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
  const float *q_, *k_;
  const float* base_;  // [K, V]
  LogView log_;
  float from_start_[kPage];                                   // exp(cumulative)
  alignas(64) float given_[kPage * kPage];                    // [tokens, 32] from u to y
  alignas(64) float taken_[kDelta ? kPage * kPage : kLanes];  // [tokens, 32] from u to later u
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

template <bool kDelta>
void run_heads(ThreadPool& pool, const LogArguments& arguments) {
  const SsdArguments& s = arguments.rows;
  assert(s.K <= kMaxKeyDim && s.V <= kMaxValueDim && s.tokens + arguments.held <= kPage);
  if (s.tokens == 0) return;
  const double cost = estimate_ns(s.heads, (kDelta ? 2 : 1) * s.tokens, s.K, s.V);
  if (s.heads_per_key == 1) {
    return pool.run(s.heads, cost, [&](size_t i) {
      alignas(64) float memory[2][kPage * kPage];
      const Scores scores{memory[0], memory[1]};
      read_keys(arguments, i, kDelta, scores);
      Head<kDelta>(arguments, i).run(scores);
    });
  }
  const size_t groups = s.heads / s.heads_per_key, floats = s.tokens * kPage;
  auto* memory = reinterpret_cast<float*>(pool.scratch(2 * groups * floats * sizeof(float)));
  const auto scores_of = [&](size_t group) {
    return Scores{memory + 2 * group * floats, memory + (2 * group + 1) * floats};
  };
  pool.run(groups, estimate_ns(groups, s.tokens, s.K, kPage), [&](size_t group) {
    read_keys(arguments, group * s.heads_per_key, kDelta, scores_of(group));
  });
  pool.run(s.heads, cost,
           [&](size_t i) { Head<kDelta>(arguments, i).run(scores_of(i / s.heads_per_key)); });
}

}  // namespace

void ssd_log(ThreadPool& pool, const LogArguments& arguments) { run_heads<false>(pool, arguments); }
void delta_log(ThreadPool& pool, const LogArguments& arguments) {
  run_heads<true>(pool, arguments);
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
