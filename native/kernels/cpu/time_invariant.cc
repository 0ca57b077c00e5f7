#include "kernels/time_invariant.h"

#include <cstring>

#include "kernels/cpu/simd.h"
#include "kernels/cpu/small_product.h"

namespace stateline::kernels::STATELINE_LEVEL {

TiRun ti_recurrence;
TiRun ti_scan;

namespace {

constexpr size_t kChunk = kTiChunk;
constexpr size_t kGroup = 16;        // channels that are transposed together: one cache line
constexpr size_t kPieceChunks = 16;  // so many chunks share one look at a channel's operators
constexpr size_t kPiece = kPieceChunks * kChunk;
constexpr double kFlopsPerNs = 2.0 * kLanes;  // only the decision to split depends on it

// next = A^k x + input added, [N] each, next apart from x and added.
STATELINE_INLINE void advance_diagonal(const TimeInvariant& s, const TiTransition& by, size_t c,
                                       const float* x, Vec input, const float* added, float* next) {
  const size_t half = s.states / 2;
  const float *re = by.lambda_re + c * half, *im = by.lambda_im + c * half;
  for (size_t i = 0; i < half; i += kLanes) {
    const Vec a = load(re + i), b = load(im + i), p = load(x + i), q = load(x + half + i);
    store(next + i, mul_add(input, load(added + i), a * p - b * q));
    store(next + half + i, mul_add(input, load(added + half + i), mul_add(b, p, a * q)));
  }
}

// Sum of weight[i] * rows[i, :] of one vector's width, in four chains.
STATELINE_INLINE Vec weighted_rows(const float* weight, const float* rows, size_t ld,
                                   size_t count) {
  Vec sums[4] = {splat(0), splat(0), splat(0), splat(0)};
  for (size_t i = 0; i < count; i += 4) {
    STATELINE_UNROLL
    for (size_t k = 0; k < 4; ++k)
      sums[k] = mul_add(splat(weight[i + k]), load(rows + (i + k) * ld), sums[k]);
  }
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

STATELINE_INLINE void advance_low_rank(const TimeInvariant& s, const TiTransition& by,
                                       const float* x, Vec input, const float* added, float* next) {
  alignas(64) float inner[kTiMaxRank];  // Q^T x
  for (size_t r = 0; r < s.rank; r += kLanes)
    store(inner + r, weighted_rows(x, s.Q + r, s.rank, s.states));
  for (size_t n = 0; n < s.states; n += kLanes) {
    const Vec moved = load(x + n) + weighted_rows(inner, by.P + n, s.states, s.rank);
    store(next + n, mul_add(splat(by.factor), moved, input * load(added + n)));
  }
}

STATELINE_INLINE void advance(const TimeInvariant& s, const TiTransition& by, size_t c,
                              const float* x, Vec input, const float* added, float* next) {
  if (s.rank == 0) {
    advance_diagonal(s, by, c, x, input, added, next);
  } else {
    advance_low_rank(s, by, x, input, added, next);
  }
}

// One channel, token by token.
void recur(const TimeInvariant& s, size_t c, size_t tokens, const float* u, size_t ldu, float* x,
           float* y, size_t ldy) {
  const float *B = s.B + c * s.states, *C = s.C + c * s.states;
  alignas(64) float next[kTiMaxStates];
  for (size_t t = 0; t < tokens; ++t) {
    advance(s, s.step, c, x, splat(u[t * ldu + c]), B, next);
    Vec sums = splat(0);
    for (size_t n = 0; n < s.states; n += kLanes) {
      store(x + n, load(next + n));
      sums = mul_add(load(C + n), load(next + n), sums);
    }
    y[t * ldy + c] = sum(sums) + s.D[c] * u[t * ldu + c];
  }
}

// Up to 16 neighbouring channels, whole chunks by products of matrices. A channel's series lies
// here newest first, so that row r, the r-th chunk from the end, is a plain run of memory, and so
// that the lower triangle of its kernel is `impulse` read with a row stride of one.
class Group {
 public:
  Group(const TimeInvariant& s, size_t first) : s_(s), first_(first) {
    count_ = smaller(kGroup, s.channels - first);
  }

  void run(size_t tokens, const float* u, size_t ldu, float* state, float* y, size_t ldy) {
    size_t t = 0;
    for (; tokens - t >= kChunk; t += chunks_ * kChunk) {
      chunks_ = smaller(kPieceChunks, (tokens - t) / kChunk);
      take(u + t * ldu, ldu);
      for (size_t i = 0; i < count_; ++i) channel(i, state + (first_ + i) * s_.states);
      give(y + t * ldy, ldy);
    }
    for (size_t i = 0; i < count_; ++i) {
      const size_t c = first_ + i;
      recur(s_, c, tokens - t, u + t * ldu, ldu, state + c * s_.states, y + t * ldy, ldy);
    }
  }

 private:
  void take(const float* u, size_t ldu) {
    const size_t tokens = chunks_ * kChunk;
    for (size_t t = 0; t < tokens; ++t) {
      const float* row = u + t * ldu + first_;
      for (size_t i = 0; i < count_; ++i) inputs_[i * kPiece + tokens - 1 - t] = row[i];
    }
    // The rows that fill up the last tile.
    const size_t end = round_up(chunks_, kTileRows) * kChunk;
    for (size_t i = 0; i < count_; ++i)
      std::memset(inputs_ + i * kPiece + tokens, 0, (end - tokens) * sizeof(float));
  }

  void give(float* y, size_t ldy) const {
    for (size_t r = 0; r < chunks_; ++r) {
      for (size_t j = 0; j < kChunk; ++j) {
        float* row = y + ((chunks_ - 1 - r) * kChunk + j) * ldy + first_;
        for (size_t i = 0; i < count_; ++i) row[i] = outputs_[i * kPiece + r * kChunk + j];
      }
    }
  }

  void channel(size_t i, float* state) {
    const size_t c = first_ + i, N = s_.states;
    const float* u = inputs_ + i * kPiece;
    for (size_t r = 0; r < chunks_; r += kTileRows) {
      for (size_t n = 0; n < N; n += kTileCols) {
        auto tile = zero_tile<kTileRows>();
        product(tile, u + r * kChunk, kChunk, s_.inputs + c * kChunk * N + n, N, kChunk);
        store_tile(tile, added_ + r * N + n, N);
      }
    }
    scan(c, state);
    float* y = outputs_ + i * kPiece;
    for (size_t r = 0; r < chunks_; r += kTileRows) {
      for (size_t j = 0; j < kChunk; j += kTileCols) {
        auto tile = zero_tile<kTileRows>();
        product(tile, before_ + r * N, N, s_.outputs + c * N * kChunk + j, kChunk, N);
        product(tile, u + r * kChunk, kChunk, s_.impulse + c * 2 * kChunk + j, 1, kChunk);
        store_tile(tile, y + r * kChunk + j, kChunk);
      }
    }
  }

  // before[r]: the state before chunk r; what the chunk adds to it is added[r].
  void scan(size_t c, float* state) {
    const size_t N = s_.states;
    std::memcpy(before_ + (chunks_ - 1) * N, state, N * sizeof(float));
    for (size_t r = chunks_; r-- > 0;) {
      float* next = r > 0 ? before_ + (r - 1) * N : state;
      advance(s_, s_.chunk, c, before_ + r * N, splat(1), added_ + r * N, next);
    }
  }

  const TimeInvariant& s_;
  size_t first_, count_, chunks_ = 0;
  alignas(64) float inputs_[kGroup * kPiece];
  alignas(64) float outputs_[kGroup * kPiece];
  alignas(64) float added_[kPieceChunks * kTiMaxStates];
  alignas(64) float before_[kPieceChunks * kTiMaxStates] = {};  // rows past the last are not NaN
};

template <class Body>
void for_channels(ThreadPool& pool, const TimeInvariant& s, double products, const Body& body) {
  const double cost = products / kFlopsPerNs;
  const size_t groups = (s.channels + kGroup - 1) / kGroup;
  const size_t blocks = pool.blocks_for(groups, cost);
  pool.run(blocks, cost, [&](size_t block) {
    for (size_t g = groups * block / blocks; g < groups * (block + 1) / blocks; ++g)
      body(g * kGroup);
  });
}

double products_of(const TimeInvariant& s, size_t tokens, double per_token) {
  return 2.0 * per_token * static_cast<double>(tokens * s.channels);
}

}  // namespace

void ti_recurrence(ThreadPool& pool, const TimeInvariant& s, size_t tokens, const float* u,
                   size_t ldu, float* state, float* y, size_t ldy) {
  const double per_token = static_cast<double>(s.states * (2 * s.rank + 4));
  for_channels(pool, s, products_of(s, tokens, per_token), [&](size_t first) {
    for (size_t c = first; c < smaller(first + kGroup, s.channels); ++c)
      recur(s, c, tokens, u, ldu, state + c * s.states, y, ldy);
  });
}

void ti_scan(ThreadPool& pool, const TimeInvariant& s, size_t tokens, const float* u, size_t ldu,
             float* state, float* y, size_t ldy) {
  if (tokens < kChunk) return ti_recurrence(pool, s, tokens, u, ldu, state, y, ldy);
  const double per_token =
      static_cast<double>(2 * s.states + kChunk + 2 * s.states * s.rank / kChunk);
  for_channels(pool, s, products_of(s, tokens, per_token), [&](size_t first) {
    Group group(s, first);
    group.run(tokens, u, ldu, state, y, ldy);
  });
}

}  // namespace stateline::kernels::STATELINE_LEVEL
