#include "kernels/attention.h"

#include <cassert>
#include <cmath>
#include <cstring>

#include "kernels/cpu/simd.h"
#include "kernels/cpu/small_product.h"

namespace stateline::kernels::STATELINE_LEVEL {

Attention attention;

namespace {

constexpr float kMasked = -1e30f;     // far below any score, yet a difference of two is finite
constexpr float kNegligible = 25.0f;  // e^-25 of a query's weight, see key_bound
constexpr double kFlopsPerNs = 2.0 * kLanes;  // only the decision to split depends on it

// R neighbouring queries that read one slot a page, walked once over the pages with a running
// softmax: query number n of a slot is that of token n / heads_per_key. Each query's own cumulative
// decay is the same for all its keys, so the softmax does not see it: only (reference -
// cumulative_j) enters, with the tile's first query as the reference, to keep it small.
template <size_t R>
class QueryTile {
 public:
  QueryTile(const AttentionArguments& s, size_t slot, size_t query)
      : s_(s),
        slot_(slot),
        count_(smaller(R, s.tokens * s.heads_per_key - query)),
        Vp_(round_up(s.V, kTileCols)) {
    for (size_t r = 0; r < R; ++r) {  // rows past the last query repeat it and are not stored
      const size_t n = query + smaller(r, count_ - 1), token = n / s.heads_per_key;
      const size_t h = s.head[slot * s.heads_per_key + n % s.heads_per_key];
      token_[r] = token;
      head_[r] = h;
      const Vec scale = splat(s.query_scale[h]);
      Vec squares = splat(0);
      const float* q = s.q + token * s.ldq + h * s.K;
      for_vectors(s.K, [&](size_t c, size_t n) {
        const Vec scaled = load_up_to(q + c, n) * scale;
        store_up_to(queries_ + r * s.K + c, scaled, n);
        squares = mul_add(scaled, scaled, squares);
      });
      if (s.key_bound != nullptr) reach_[r] = std::sqrt(sum(squares)) * s.key_bound[h];
      top_[r] = kMasked;
      total_[r] = 0;
    }
    std::memset(out_, 0, R * Vp_ * sizeof(float));
  }

  void run() {
    const uint64_t first = s_.first_query + token_[0];
    const uint64_t last = s_.first_query + token_[R - 1];
    const SlotView own = slot(page_of(first));
    reference_ = own.cumulative[first % kPageTokens];
    for (size_t p = page_of(last) + 1; p > page_of(oldest(first)); --p) page(p - 1, last);
    for (size_t r = 0; r < count_; ++r) {
      float* y = s_.y + token_[r] * s_.ldy + head_[r] * s_.V;
      const Vec inverse = splat(1.0f / total_[r]);
      for_vectors(s_.V, [&](size_t d, size_t n) {
        store_up_to(y + d, load(out_ + r * Vp_ + d) * inverse, n);
      });
    }
  }

 private:
  // The oldest position that a query sees.
  uint64_t oldest(uint64_t query) const {
    const uint64_t bound = s_.window == 0 || query + 1 < s_.window ? 0 : query + 1 - s_.window;
    return bound > s_.first_position ? bound : s_.first_position;
  }
  size_t page_of(uint64_t position) const {
    return static_cast<size_t>((position - s_.first_position) / kPageTokens);
  }
  SlotView slot(size_t page) const {
    const std::byte* place = s_.pages[page] + s_.offset + slot_ * slot_bytes(s_.K, s_.V);
    return slot_view(const_cast<std::byte*>(place), s_.K);
  }

  void page(size_t p, uint64_t last) {
    const SlotView keys = slot(p);
    const uint64_t begin = s_.first_position + p * kPageTokens;
    const size_t written = smaller(kPageTokens, static_cast<size_t>(last + 1 - begin));
    alignas(64) float bias[kPageTokens] = {};
    for (size_t j = 0; j < written; ++j) {
      bias[j] = static_cast<float>(reference_ - keys.cumulative[j]) + keys.log_dt[j];
    }
    if (negligible(bias)) return;
    alignas(64) float scores[R * kPageTokens];
    for (size_t j = 0; j < kPageTokens; j += kTileCols) {
      auto tile = zero_tile<R>();
      product(tile, queries_, s_.K, keys.k + j, kPageTokens, s_.K);
      store_tile(tile, scores + j, kPageTokens);
    }
    float shrink[R];
    for (size_t r = 0; r < R; ++r) shrink[r] = weigh(r, scores + r * kPageTokens, bias, begin);
    add_values(scores, shrink, keys.v, written);
  }

  // Whether no query of the tile can give any key of the page a weight that shows.
  bool negligible(const float* bias) const {
    if (s_.key_bound == nullptr) return false;
    Vec best = load(bias);
    for (size_t j = kLanes; j < kPageTokens; j += kLanes) best = max(load(bias + j), best);
    const float most = max_of(best) + kNegligible;
    for (size_t r = 0; r < R; ++r) {
      if (most + reach_[r] > top_[r]) return false;
    }
    return true;
  }

  // Turns a row of products into weights e^(s - top), masked; returns what earlier sums shrink by.
  float weigh(size_t r, float* scores, const float* bias, uint64_t begin) {
    for (size_t j = 0; j < kPageTokens; j += kLanes)
      store(scores + j, load(scores + j) + load(bias + j));
    const uint64_t query = s_.first_query + token_[r];
    const uint64_t oldest_seen = oldest(query);
    for (size_t j = 0; begin + j < oldest_seen && j < kPageTokens; ++j) scores[j] = kMasked;
    for (size_t j = kPageTokens; j > 0 && begin + j - 1 > query; --j) scores[j - 1] = kMasked;
    Vec best = splat(top_[r]);
    for (size_t j = 0; j < kPageTokens; j += kLanes) best = max(load(scores + j), best);
    const float top = max_of(best);
    Vec sums = splat(0);
    for (size_t j = 0; j < kPageTokens; j += kLanes) {
      const Vec weight = exp(load(scores + j) - splat(top));
      store(scores + j, weight);
      sums = sums + weight;
    }
    const float shrink = top == top_[r] ? 1.0f : exp(top_[r] - top);
    total_[r] = total_[r] * shrink + sum(sums);
    top_[r] = top;
    return shrink;
  }

  void add_values(const float* weights, const float* shrink, const float* v, size_t written) {
    alignas(64) float padded[kPageTokens * kMaxValueDim];
    if (Vp_ != s_.V) {
      for (size_t j = 0; j < written; ++j)
        std::memcpy(padded + j * Vp_, v + j * s_.V, s_.V * sizeof(float));
      for (size_t j = 0; j < written; ++j)
        std::memset(padded + j * Vp_ + s_.V, 0, (Vp_ - s_.V) * sizeof(float));
      v = padded;
    }
    for (size_t d = 0; d < Vp_; d += kTileCols) {
      Tile<R> tile;
      load_tile(tile, out_ + d, Vp_);
      STATELINE_UNROLL
      for (size_t r = 0; r < R; ++r) scale_row(tile, r, splat(shrink[r]));
      product(tile, weights, kPageTokens, v + d, Vp_, written);
      store_tile(tile, out_ + d, Vp_);
    }
  }

  const AttentionArguments& s_;
  size_t slot_, count_, Vp_;
  size_t token_[R], head_[R];  // of each row
  double reference_ = 0;
  float top_[R], total_[R];
  float reach_[R];  // the greatest product that the query can have with any key
  alignas(64) float queries_[R * kMaxKeyDim];  // [R, K], times query_scale
  alignas(64) float out_[R * kMaxValueDim];    // [R, Vp]
};

double estimate_ns(const AttentionArguments& s) {
  const uint64_t before = s.first_query + s.tokens - s.first_position;
  const uint64_t seen = s.window != 0 && s.window < before ? s.window : before;
  const double pairs = static_cast<double>(s.tokens * s.heads) * static_cast<double>(seen);
  return pairs * 2.0 * static_cast<double>(s.K + s.V) / kFlopsPerNs;
}

template <size_t R>
void run_tiles(ThreadPool& pool, const AttentionArguments& s) {
  const size_t tiles = (s.tokens * s.heads_per_key + R - 1) / R;
  const size_t units = tiles * (s.heads / s.heads_per_key);
  const double cost = estimate_ns(s);
  const size_t blocks = pool.blocks_for(units, cost);
  pool.run(blocks, cost, [&](size_t block) {
    for (size_t unit = units * block / blocks; unit < units * (block + 1) / blocks; ++unit) {
      QueryTile<R> tile(s, unit / tiles, unit % tiles * R);
      tile.run();
    }
  });
}

}  // namespace

void attention(ThreadPool& pool, const AttentionArguments& s) {
  assert(s.K <= kMaxKeyDim && s.V <= kMaxValueDim && s.first_position % kPageTokens == 0);
  assert(s.heads % s.heads_per_key == 0);
  const size_t queries = s.tokens * s.heads_per_key;
  if (queries == 0) return;
  if (queries == 1) {
    run_tiles<1>(pool, s);
  } else if (queries <= 4) {
    run_tiles<4>(pool, s);
  } else {
    run_tiles<kTileRows>(pool, s);
  }
}

}  // namespace stateline::kernels::STATELINE_LEVEL
