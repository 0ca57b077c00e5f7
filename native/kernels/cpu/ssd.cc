#include "kernels/ssd.h"

#include <cassert>
#include <cstring>

#include "kernels/cpu/simd.h"
#include "kernels/cpu/small_product.h"

namespace stateline::kernels::STATELINE_LEVEL {

SsdPrefill ssd_prefill;
SsdStep ssd_step;

namespace {

constexpr size_t kChunk = kSsdChunk;
constexpr double kFlopsPerNs = 2.0 * kLanes;  // only the decision to split depends on it

// One head's walk over the chunks. Everything of a chunk is copied here first, transposed or padded
// with zeros as the products like it (K and V to whole tiles, the last chunk to 64 tokens).
class Head {
 public:
  Head(const SsdArguments& s, size_t index)
      : s_(s),
        h_(s.head[index]),
        Kp_(round_up(s.K, kTileRows)),
        Vp_(round_up(s.V, kTileCols)),
        memory_(s.state + index * s.K * s.V) {}

  void run() {
    std::memset(state_, 0, Kp_ * Vp_ * sizeof(float));
    for (size_t c = 0; c < s_.K; ++c)
      std::memcpy(state_ + c * Vp_, memory_ + c * s_.V, s_.V * sizeof(float));
    std::memset(keys_, 0, Kp_ * kChunk * sizeof(float));
    for (size_t t = 0; t < s_.tokens; t += kChunk) {
      const size_t count = smaller(kChunk, s_.tokens - t);
      load_decays(t, count);
      load_rows(t, count);
      for (size_t row = 0; row < count; row += kTileRows) outputs(t, row, count);
      advance_state(count);
    }
    for (size_t c = 0; c < s_.K; ++c)
      std::memcpy(memory_ + c * s_.V, state_ + c * Vp_, s_.V * sizeof(float));
  }

 private:
  // cumulative = sum of a inside the chunk. A difference of two of them may be far smaller than
  // either: it is kept as a float and the rest that the float lost.
  void load_decays(size_t t, size_t count) {
    double total = 0;
    for (size_t j = 0; j < kChunk; ++j) {
      const size_t place = (t + j) * s_.lda + h_;
      if (j < count) total += static_cast<double>(s_.a[place]);
      dt_[j] = j < count ? s_.dt[place] : 0.0f;
      high_[j] = static_cast<float>(total);
      low_[j] = static_cast<float>(total - static_cast<double>(high_[j]));
    }
  }

  void load_rows(size_t t, size_t count) {
    std::memset(values_, 0, kChunk * Vp_ * sizeof(float));
    std::memset(queries_, 0, kChunk * s_.K * sizeof(float));
    for (size_t j = 0; j < count; ++j) {
      const float* q = s_.q + (t + j) * s_.ldq + h_ * s_.K;
      const float* k = s_.k + (t + j) * s_.ldk + h_ * s_.K;
      for (size_t c = 0; c < s_.K; ++c) queries_[j * s_.K + c] = q[c] * s_.scale;
      for (size_t c = 0; c < s_.K; ++c) keys_[c * kChunk + j] = k[c];
      std::memcpy(values_ + j * Vp_, s_.v + (t + j) * s_.ldv + h_ * s_.V, s_.V * sizeof(float));
    }
    for (size_t c = 0; c < s_.K; ++c) {
      for (size_t j = count; j < kChunk; ++j) keys_[c * kChunk + j] = 0;
    }
  }

  // exp(cumulative_i - cumulative_j), which is at most 1 where it means something (j <= i).
  STATELINE_INLINE Vec decay(size_t i, size_t j) const {
    const Vec difference = (splat(high_[i]) - load(high_ + j)) + (splat(low_[i]) - load(low_ + j));
    return exp(min(difference, splat(0)));
  }

  // y of kTileRows tokens: what the state before the chunk gives, and the masked attention inside
  // it.
  void outputs(size_t t, size_t row, size_t count) {
    const float* q = queries_ + row * s_.K;
    const size_t seen = row + kTileRows;  // tokens of the chunk that the tile's last row may see
    alignas(64) float scores[kTileRows * kChunk];
    for (size_t j = 0; j < seen; j += kTileCols) {
      auto tile = zero_tile<kTileRows>();
      product(tile, q, s_.K, keys_ + j, kChunk, s_.K);
      store_tile(tile, scores + j, kChunk);
    }
    for (size_t r = 0; r < kTileRows; ++r) mask(scores + r * kChunk, row + r, seen);
    alignas(64) float out[kTileRows * kTileCols];
    for (size_t d = 0; d < Vp_; d += kTileCols) {
      auto tile = zero_tile<kTileRows>();
      product(tile, q, s_.K, state_ + d, Vp_, s_.K);
      STATELINE_UNROLL
      for (size_t r = 0; r < kTileRows; ++r) scale_row(tile, r, exp(splat(high_[row + r])));
      product(tile, scores, kChunk, values_ + d, Vp_, seen);
      store_tile(tile, out, kTileCols);
      store_outputs(out, t, row, count, d);
    }
  }

  void mask(float* scores, size_t i, size_t seen) const {
    for (size_t j = 0; j <= i; j += kLanes) {
      store(scores + j, load(scores + j) * decay(i, j) * load(dt_ + j));
    }
    for (size_t j = i + 1; j < seen; ++j) scores[j] = 0;
  }

  void store_outputs(const float* out, size_t t, size_t row, size_t count, size_t d) const {
    if (d >= s_.V) return;
    for (size_t r = 0; r < kTileRows && row + r < count; ++r) {
      float* y = s_.y + (t + row + r) * s_.ldy + h_ * s_.V + d;
      std::memcpy(y, out + r * kTileCols, smaller(kTileCols, s_.V - d) * sizeof(float));
    }
  }

  // S = exp(cumulative_end) S + sum_j exp(cumulative_end - cumulative_j) dt_j k_j v_j^T
  void advance_state(size_t count) {
    const Vec whole = exp(splat(high_[count - 1]));
    for (size_t j = 0; j < count; j += kLanes) {
      const Vec weight = decay(count - 1, j) * load(dt_ + j);
      for (size_t c = 0; c < s_.K; ++c) {
        float* key = keys_ + c * kChunk + j;
        store(key, load(key) * weight);
      }
    }
    for (size_t c = 0; c < Kp_; c += kTileRows) {
      for (size_t d = 0; d < Vp_; d += kTileCols) {
        Tile<kTileRows> tile;
        load_tile(tile, state_ + c * Vp_ + d, Vp_);
        STATELINE_UNROLL
        for (size_t r = 0; r < kTileRows; ++r) scale_row(tile, r, whole);
        product(tile, keys_ + c * kChunk, kChunk, values_ + d, Vp_, count);
        store_tile(tile, state_ + c * Vp_ + d, Vp_);
      }
    }
  }

  const SsdArguments& s_;
  size_t h_, Kp_, Vp_;
  float* memory_;
  alignas(64) float state_[kMaxKeyDim * kMaxValueDim];  // [Kp, Vp]
  alignas(64) float keys_[kMaxKeyDim * kChunk];         // [Kp, 64]: transposed
  alignas(64) float queries_[kChunk * kMaxKeyDim];      // [64, K], times scale
  alignas(64) float values_[kChunk * kMaxValueDim];     // [64, Vp]
  alignas(64) float high_[kChunk], low_[kChunk], dt_[kChunk];
};

void step_head(const SsdArguments& s, size_t index) {
  const size_t h = s.head[index];
  float* state = s.state + index * s.K * s.V;
  const float *q = s.q + h * s.K, *k = s.k + h * s.K, *v = s.v + h * s.V;
  const float dt = s.dt[h];
  const Vec decay = exp(splat(s.a[h]));
  for_vectors(s.V, [&](size_t d, size_t n) {
    const Vec value = load_up_to(v + d, n) * splat(dt);
    Vec y = splat(0);
    for (size_t c = 0; c < s.K; ++c) {
      float* cell = state + c * s.V + d;
      const Vec next = mul_add(splat(k[c]), value, load_up_to(cell, n) * decay);
      store_up_to(cell, next, n);
      y = mul_add(splat(q[c]), next, y);
    }
    store_up_to(s.y + h * s.V + d, y * splat(s.scale), n);
  });
}

double estimate_ns(const SsdArguments& s) {
  const double per_token =
      6.0 * static_cast<double>(s.K * s.V) + static_cast<double>(kChunk * (s.K + s.V));
  return static_cast<double>(s.tokens * s.heads) * per_token / kFlopsPerNs;
}

}  // namespace

void ssd_prefill(ThreadPool& pool, const SsdArguments& s) {
  assert(s.K <= kMaxKeyDim && s.V <= kMaxValueDim);
  if (s.tokens == 0) return;
  pool.run(s.heads, estimate_ns(s), [&](size_t index) {
    Head head(s, index);
    head.run();
  });
}

void ssd_step(ThreadPool& pool, const SsdArguments& s) {
  assert(s.tokens == 1);
  pool.run(s.heads, estimate_ns(s), [&](size_t index) { step_head(s, index); });
}

}  // namespace stateline::kernels::STATELINE_LEVEL
